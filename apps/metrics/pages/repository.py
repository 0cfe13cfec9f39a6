"""One repository: the figures of the overview for it alone."""

from __future__ import annotations

from dataclasses import replace

from django.http import Http404

from apps.metrics.filters.chosen import Filters
from apps.metrics.models import Repository
from apps.metrics.pages import overview
from apps.metrics.pages.answer import Answer
from apps.metrics.pages.coverage import not_tracked
from apps.teams.access import TeamRequest


def repository(request: TeamRequest, filters: Filters, github_repo_id: int) -> Answer:
    """For a repository whose pull requests are stored, by GitHub's id."""
    found = Repository.objects.for_team(request.team).filter(github_repo_id=github_repo_id).first()
    if found is None:
        raise Http404("The team has no such repository.")
    here = replace(filters.narrowed(repo=found.full_name), repository=found.pk)
    answer = overview.answer(request.team, here)
    return replace(
        answer,
        context={**answer.context, "filters": here, "repository": found},
        data=lambda: {
            "repository": {"id": found.github_repo_id, "full_name": found.full_name},
            **answer.data(),
        },
        around={
            "repository": found,
            "fixed": "repo",
            "not_tracked": not_tracked(request.team, found),
        },
    )
