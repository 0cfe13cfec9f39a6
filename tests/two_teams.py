"""Two teams that track the same repository, with an object for every kind of id."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.audit.record import record
from apps.integrations.models import (
    AvailableRepository,
    Farewell,
    GitHubIntegration,
    Hook,
    IntegrationCredential,
    SyncRun,
    TrackedRepository,
    WebhookDelivery,
)
from apps.metrics.models import Deployment, Group, Note, Repository, SavedView, TeamMember
from apps.metrics.tests import factories, production_factories
from apps.teams import api_keys
from apps.teams.models import Invitation, Membership, Team
from apps.users.models import User

SHARED = 60_000_001  # the repository that both teams track
CONVERTED = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>[^)]*\)")


@dataclass(frozen=True)
class Belongings:
    """Ids and names of a team's rows, for URLs, forms and queries."""

    team: Team
    ids: Mapping[str, Any]
    mark: str
    key: str

    def path(self, route: str, **others: Any) -> str:
        """The URL of a route, for rows of this team unless others are named."""
        ids = {**self.ids, **others}
        return "/" + CONVERTED.sub(lambda m: str(ids[m[1] or m[2]]), route).rstrip("$").replace(
            "^", ""
        )


@contextmanager
def undone() -> Iterator[None]:
    """Undoes what the block stores, so that the next case begins as this one did."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def belongings(team: Team, member: User, start: int) -> Belongings:
    """Rows of each kind; numbers begin at `start`, titles name their team."""
    mark = f"of{team.slug}only"
    integration = _connected(team, start, mark)
    own = _tracked(integration, start + 1, f"{mark}/{mark}")
    shared = _tracked(integration, SHARED, "common/shared")
    login = TeamMember.objects.create(
        team=team, github_id=start + 2, github_username=f"{mark}-login", name=f"{mark} person"
    )
    now = timezone.now()
    for repository in (own.repository, shared.repository):
        factories.make_pull_request(
            repository, author=login, opened_at=now - timedelta(days=3), title=f"{mark} change"
        )
    delivery = _delivery(own, start + 3, mark)
    invitation = Invitation.objects.create(
        team=team,
        email=f"{mark}@example.com",
        key_hash=mark,
        invited_by=member,
        expires_at=now + timedelta(days=1),
    )
    record("team.created", team_id=team.pk, object_name=f"{mark} event")
    run = SyncRun.objects.create(team=team, reason="manual", error=f"{mark} failed")
    row, key = api_keys.make(team, member, f"{mark} key")
    view = SavedView.objects.create(
        team=team, name=f"{mark} view", query=f"q={mark}", made_by=member
    )
    group = Group.objects.create(team=team, slug=f"own-{mark}", name=f"{mark} group")
    note = Note.objects.create(team=team, day=now.date(), text=f"{mark} note", made_by=member)
    pull_request = own.repository.pull_requests.get()
    owner = User.objects.create(email=f"{mark}-owner@example.com")
    factor = Authenticator.objects.create(user=owner, type="webauthn", data={"name": mark})
    ids = {
        "team": team.slug,
        "github_id": login.github_id,
        "github_repo_id": own.github_repo_id,
        "delivery_id": delivery.pk,
        "farewell_id": _farewell(integration, mark).pk,
        "owner": mark,
        "repository": mark,
        "number": pull_request.number,
        "member": Membership.objects.get(team=team, user=member).pk,
        "invitation": invitation.pk,
        "organization": integration.organization_id,
        "run": run.pk,
        "key": row.pk,
        "view": view.pk,
        "group": group.pk,
        "note": note.pk,
        "deployment": _deployed(own, mark).pk,
        "name": mark,
        "pk": factor.pk,
        "uidb36": "1",
        "path": "x",
        "token": "x",
        "provider_id": "sso",
    }
    return Belongings(team, ids, mark, key)


def _connected(team: Team, start: int, mark: str) -> GitHubIntegration:
    credential = IntegrationCredential.objects.create(
        team=team, kind="token", access_token=f"ghp_{mark}", account_id=start, account_login=mark
    )
    integration: GitHubIntegration = GitHubIntegration.objects.create(
        team=team, credential=credential, organization_slug=mark, organization_id=start
    )
    return integration


def _tracked(integration: GitHubIntegration, number: int, full_name: str) -> TrackedRepository:
    names = {"github_repo_id": number, "full_name": full_name}
    repository = Repository.objects.create(team=integration.team, **names)
    AvailableRepository.objects.create(
        team=integration.team, integration=integration, listed_at=timezone.now(), **names
    )
    tracked: TrackedRepository = TrackedRepository.objects.create(
        team=integration.team, integration=integration, repository=repository, **names
    )
    return tracked


def _deployed(tracked: TrackedRepository, mark: str) -> Deployment:
    """The deployment that brought the repository's pull request."""
    live = production_factories.make_application(tracked.repository, f"{mark} live")
    brought = tracked.repository.pull_requests.get()
    return production_factories.make_deployment(live, timezone.now(), [brought], name=mark)


def _farewell(integration: GitHubIntegration, mark: str) -> Farewell:
    return Farewell.objects.create(
        team=integration.team, account_login=f"{mark} left", gives_up_at=timezone.now()
    )


def _delivery(tracked: TrackedRepository, number: int, mark: str) -> WebhookDelivery:
    hook = Hook.objects.create(
        host=settings.GITHUB_URL, github_repo_id=tracked.github_repo_id, hook_id=number, secret="s"
    )
    tracked.hook = hook
    tracked.save()
    return WebhookDelivery.objects.create(
        hook=hook,
        guid=f"{mark}-{number}",
        event="pull_request",
        payload="{}",
        received_at=timezone.now(),
        state="failed",
        error=f"{mark} failed",
    )
