"""The meaning of each webhook event: the table of handlers, and events ignored on purpose.

A webhook is a hint: nothing of its payload is stored as data. A handler decides what must be
fetched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from django.db.models import Q, QuerySet

from apps.integrations.models import (
    GitHubIntegration,
    Hook,
    IntegrationCredential,
    TrackedRepository,
    WebhookDelivery,
)
from apps.integrations.repositories import suspension
from apps.integrations.sync import production_look, stale, stale_deployments
from apps.metrics.models import PullRequest

_EARLIEST, _LATEST = 2000, 3000  # years; other times cannot be GitHub's
_NODE_ID = re.compile(r"[\w=+/-]{1,100}", re.ASCII)
Payload = Mapping[str, Any]


class PayloadError(Exception):
    """A payload lacks what its event always has."""


def id_of(payload: Payload, name: str) -> int | None:
    """The id of the payload's object `name`; None if it is not a valid id."""
    thing = payload.get(name)
    number = thing.get("id") if isinstance(thing, dict) else None
    return number if isinstance(number, int) and 0 < number < 2**63 else None


@dataclass
class Marks:
    """Stale marks, gathered over deliveries that are handled together.

    They are written at once, in one order, so that concurrent workers do not deadlock.
    """

    node_ids: dict[tuple[int, int | None], dict[int, str]] = field(default_factory=dict)
    """Node ids by repository, App installation and number; as the payloads report them."""
    deployments: dict[tuple[int, int | None], dict[str, set[str]]] = field(default_factory=dict)
    """Environments of deployments by repository, installation, and node id."""

    def add(self, row: WebhookDelivery, number: int, node_id: str) -> None:
        """Adds the pull request of a delivery."""
        if place := _place(row):
            self.node_ids.setdefault(place, {})[number] = node_id

    def add_deployment(self, row: WebhookDelivery, node_id: str, environments: set[str]) -> None:
        """Adds the deployment of a delivery, with the environments that the payload names."""
        if place := _place(row):
            known = self.deployments.setdefault(place, {})
            known[node_id] = known.get(node_id, set()) | environments

    def write(self) -> None:
        """Marks them for every team that tracks their repository."""
        now = datetime.now(UTC)
        for tracked, wanted in _by_tracked(self.node_ids).items():
            pulls = PullRequest.objects.filter(repository=tracked.repository, number__in=wanted)
            known = dict(pulls.values_list("number", "node_id"))
            stale.mark(tracked, {**wanted, **known}.items(), now)
        stale_deployments.mark(_by_tracked(self.deployments), now)
        self.node_ids.clear()
        self.deployments.clear()


_Place = tuple[int, int | None]
_Id = TypeVar("_Id", int, str)
_Value = TypeVar("_Value")


def _place(row: WebhookDelivery) -> _Place | None:
    if row.github_repo_id is None:
        return None
    return row.github_repo_id, row.installation_id if row.hook.app_id else None


def _by_tracked(
    by_place: Mapping[_Place, Mapping[_Id, _Value]],
) -> dict[TrackedRepository, dict[_Id, _Value]]:
    """By each repository that a team tracks, in order of their keys."""
    found: dict[TrackedRepository, dict[_Id, _Value]] = {}
    for installation in {installation for _, installation in by_place}:
        ids = [number for number, other in by_place if other == installation]
        rows = TrackedRepository.objects.filter(github_repo_id__in=ids, is_active=True)
        if installation is not None:
            rows = rows.filter(integration__in=suspension.of_installation(installation))
        for tracked in rows.select_related("repository__team"):
            some = by_place[tracked.github_repo_id, installation]
            found.setdefault(tracked, {}).update(some)
    return dict(sorted(found.items(), key=lambda one: one[0].pk))


@dataclass(frozen=True)
class Delivered:
    """A delivery with its parsed payload."""

    row: WebhookDelivery
    payload: Payload
    marks: Marks

    @property
    def tracked(self) -> QuerySet[TrackedRepository]:
        """The repository of the delivery, once for each team that tracks it."""
        number = self.row.github_repo_id
        rows = TrackedRepository.objects.filter(is_active=True)
        if self.row.hook.app_id:
            rows = rows.filter(integration__in=self._installed)
        return rows.filter(github_repo_id=number) if number else rows.none()

    @property
    def integrations(self) -> QuerySet[GitHubIntegration]:
        """The connections that it concerns: the organisation's, or the repository's."""
        if self.row.hook.app_id:
            return self._installed
        number = self.row.hook.organization_id
        if (
            number
            and self.row.github_repo_id is None
            and id_of(self.payload, "organization") == number
        ):
            about = Q(organization_id=number)
        else:
            about = Q(pk__in=self.tracked.values("integration"))
        return GitHubIntegration.objects.filter(about, disconnected_at=None)

    @property
    def _installed(self) -> QuerySet[GitHubIntegration]:
        """The connections that use the installation of the delivery."""
        return suspension.of_installation(self.row.installation_id or 0)


def pull_request_changed(delivered: Delivered) -> None:
    """Marks the pull request stale for every team that tracks its repository."""
    pull = delivered.payload.get("pull_request")
    if not isinstance(pull, dict):
        raise PayloadError("The payload names no pull request.")
    row, number, node_id = delivered.row, pull.get("number"), pull.get("node_id")
    if not isinstance(number, int) or not isinstance(node_id, str):
        raise PayloadError("The payload names no pull request.")
    if not 0 < number < 2**31 or not _NODE_ID.fullmatch(node_id):
        raise PayloadError("The payload names no pull request of GitHub's.")
    row.number = number
    row.happened_at = _happened_at(delivered.payload, pull)
    delivered.marks.add(row, number, node_id)


def repository_changed(delivered: Delivered) -> None:
    """Makes the next poll due now, which finds out what became of the repository."""
    ids = delivered.tracked.values("integration")
    GitHubIntegration.objects.filter(pk__in=ids).update(poll_due_at=datetime.now(UTC))


def people_changed(delivered: Delivered) -> None:
    """Has the organisation's people fetched again."""
    delivered.integrations.update(members_due_at=datetime.now(UTC))


def deployment_changed(delivered: Delivered) -> None:
    """Marks the deployment stale once it has succeeded, failed or become inactive."""
    status = _part(delivered.payload, "deployment_status")
    deployment = _part(delivered.payload, "deployment")
    if status.get("state") not in ("success", "failure", "error", "inactive"):
        return
    node_id = deployment.get("node_id")
    if not isinstance(node_id, str) or not _NODE_ID.fullmatch(node_id):
        raise PayloadError("The payload names no deployment of GitHub's.")
    names = (status.get("environment"), deployment.get("environment"))
    environments = {name for name in names if isinstance(name, str)}
    delivered.marks.add_deployment(delivered.row, node_id, environments)


def release_changed(delivered: Delivered) -> None:
    """Has the releases fetched again."""
    if delivered.row.action in ("published", "released", "edited", "deleted", "unpublished"):
        production_look.release_changed(delivered.tracked)


def run_changed(delivered: Delivered) -> None:
    """Has the runs fetched again, if they are the source of deployments."""
    if _part(delivered.payload, "workflow_run").get("conclusion") == "success":
        production_look.run_ended(delivered.tracked)


def _part(payload: Payload, name: str) -> Payload:
    found = payload.get(name)
    return found if isinstance(found, dict) else {}


def app_changed(handler: Callable[[Payload], None]) -> Callable[[Delivered], None]:
    """Accepts events about an App itself, and only from that App's own hook."""

    def handle(delivered: Delivered) -> None:
        if delivered.row.hook.app_id:
            handler(delivered.payload)

    return handle


def installation(payload: Payload) -> None:
    """`installation`: the App was suspended, resumed or removed, or its permissions changed."""
    if number := id_of(payload, "installation"):
        suspension.changed(number, str(payload.get("action", "")))


def repositories(payload: Payload) -> None:
    """`installation_repositories`: the selected repositories changed."""
    if number := id_of(payload, "installation"):
        suspension.reread(number)


def authorization(payload: Payload) -> None:
    """`github_app_authorization`: a user revoked the App's right to identify them.

    Such tokens are kept only until a connection is completed; the connection works without them.
    """
    if number := id_of(payload, "sender"):
        IntegrationCredential.objects.filter(
            kind=IntegrationCredential.Kind.APP, account_id=number, integrations=None
        ).delete()


def hook_confirmed(delivered: Delivered) -> None:
    """`ping`: the hook works; it may reveal its id before GitHub's API response does."""
    hook_id = delivered.payload.get("hook_id")
    hook = delivered.row.hook
    if isinstance(hook_id, int) and hook.hook_id is None:
        Hook.objects.filter(pk=hook.pk, hook_id__isnull=True).update(hook_id=hook_id)


def hook_removed(delivered: Delivered) -> None:
    """`meta`: a person deleted our hook on GitHub; it is checked at once."""
    hook = delivered.row.hook
    Hook.objects.filter(pk=hook.pk).update(hook_id=None)
    TrackedRepository.objects.filter(hook=hook).update(hook_due_at=datetime.now(UTC))
    GitHubIntegration.objects.filter(hook=hook).update(hook_due_at=datetime.now(UTC))


HANDLERS: Mapping[str, Callable[[Delivered], None]] = {
    "pull_request": pull_request_changed,
    "pull_request_review": pull_request_changed,
    "pull_request_review_comment": pull_request_changed,
    "pull_request_review_thread": pull_request_changed,
    "deployment_status": deployment_changed,
    "release": release_changed,
    "workflow_run": run_changed,
    "repository": repository_changed,
    "member": people_changed,
    "membership": people_changed,
    "organization": people_changed,
    "team": people_changed,
    "github_app_authorization": app_changed(authorization),
    "installation": app_changed(installation),
    "installation_repositories": app_changed(repositories),
    "ping": hook_confirmed,
    "meta": hook_removed,
}

GATHERING = frozenset({pull_request_changed, deployment_changed})
"""Handlers that only gather marks."""

# Known events that mean nothing for tformance's data.
IGNORED = frozenset(
    {
        "branch_protection_configuration",
        "branch_protection_rule",
        "check_run",
        "check_suite",
        "code_scanning_alert",
        "commit_comment",
        "create",
        "custom_property",
        "custom_property_values",
        "delete",
        "dependabot_alert",
        "deploy_key",
        "deployment",
        "deployment_protection_rule",
        "deployment_review",
        "discussion",
        "discussion_comment",
        "fork",
        "gollum",
        "installation_target",
        "issue_comment",
        "issue_dependencies",
        "issues",
        "label",
        "marketplace_purchase",
        "merge_group",
        "milestone",
        "org_block",
        "package",
        "page_build",
        "personal_access_token_request",
        "project",
        "project_card",
        "project_column",
        "projects_v2",
        "projects_v2_item",
        "projects_v2_status_update",
        "public",
        "push",
        "registry_package",
        "repository_advisory",
        "repository_dispatch",
        "repository_import",
        "repository_ruleset",
        "repository_vulnerability_alert",
        "secret_scanning_alert",
        "secret_scanning_alert_location",
        "secret_scanning_scan",
        "security_advisory",
        "security_and_analysis",
        "sponsorship",
        "star",
        "status",
        "sub_issues",
        "team_add",
        "watch",
        "workflow_dispatch",
        "workflow_job",
    }
)

# What a repository's own hook subscribes to, without events of texts that nothing reads: a comment
# in a review comes with `pull_request_review`. A repository cannot subscribe to `organization` and
# `membership`; `ping` and `meta` come by themselves or by name.
SUBSCRIBED = (
    "deployment_status",
    "member",
    "meta",
    "pull_request",
    "pull_request_review",
    "release",
    "repository",
    "workflow_run",
)
# Only an organisation's hook reports people and their teams.
SUBSCRIBED_BY_ORGANIZATION = (*SUBSCRIBED, "membership", "organization", "team")

# A GitHub App's hook covers all repositories that it is installed on, and their people; events
# about the App itself need no subscription.
SUBSCRIBED_BY_APP = tuple(event for event in SUBSCRIBED_BY_ORGANIZATION if event != "meta")


def _happened_at(payload: Payload, pull: Payload) -> datetime | None:
    review, comment = payload.get("review") or {}, payload.get("comment") or {}
    for text in (review.get("submitted_at"), comment.get("updated_at"), pull.get("updated_at")):
        try:
            at = msgspec.convert(text, datetime)
        except msgspec.ValidationError:
            continue
        if at.tzinfo and _EARLIEST < at.year < _LATEST:
            return at
    return None
