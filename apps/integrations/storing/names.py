"""A name belongs to the repository that has it now; one that lost it is called OWNER/NAME@ID.

GitHub reuses the name of a deleted or renamed repository: only the id is permanent.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import CharField, F, Q, Value
from django.db.models.functions import Cast, Concat, Substr

from apps.integrations.models import TrackedRepository
from apps.metrics.models import Deployment, PullRequest, Repository
from apps.teams.models import Team


def move_names(team: Team, bearers: Mapping[str, int]) -> bool:
    """Takes names from repositories of the team that no longer have them; returns whether any.

    `bearers` maps each name to the id of its repository on GitHub.
    """
    lost = Q(pk__in=[])
    for name, github_repo_id in bearers.items():
        lost |= Q(full_name__iexact=name) & ~Q(github_repo_id=github_repo_id)
    former = Concat("full_name", Value("@"), Cast(F("github_repo_id"), CharField()))
    TrackedRepository.objects.filter(lost, team=team).update(full_name=former)
    return bool(Repository.objects.filter(lost, team=team).update(full_name=former))


def follow_url(repository: Repository, former: str) -> None:
    """Changes the URLs of stored pull requests and deployments with that of their repository.

    GitHub redirects former ones only until another repository takes the name.
    """
    moved = Concat(Value(repository.url), Substr("url", len(former) + 1))
    inside = Q(url__startswith=f"{former}/")
    PullRequest.objects.filter(inside, repository=repository).update(url=moved)
    Deployment.objects.filter(inside, application__repository=repository).update(url=moved)
