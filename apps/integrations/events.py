"""What each webhook event means: the table of handlers, and of what is ignored on purpose.

A webhook is a hint: nothing of its payload is stored. A handler says what must be asked anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from django.db import DatabaseError, transaction
from django.db.models import F, Q, QuerySet

from apps.integrations import app_events, poll, suspension
from apps.integrations.github import limits
from apps.integrations.models import (
    GitHubIntegration,
    Hook,
    TrackedRepository,
    WebhookDelivery,
)
from apps.metrics.models import PullRequest

log = logging.getLogger(__name__)

AT_ONCE = 100
GIVE_UP_AFTER = 5
KEPT = timedelta(days=30)
State = WebhookDelivery.State


class PayloadError(Exception):
    """A payload lacks what its event always has."""


@dataclass(frozen=True)
class Delivered:
    """A delivery with its payload read."""

    row: WebhookDelivery
    payload: Mapping[str, Any]

    @property
    def tracked(self) -> list[TrackedRepository]:
        """The repository that it is about, once for each team that tracks it."""
        if self.row.github_repo_id is None:
            return []
        rows = TrackedRepository.objects.filter(
            github_repo_id=self.row.github_repo_id, is_active=True
        )
        if self.row.hook.app_id:
            rows = rows.filter(integration__in=self._installed)
        return list(rows.select_related("team", "repository", "integration"))

    @property
    def integrations(self) -> QuerySet[GitHubIntegration]:
        """The connections that it is about: the organisation's, or those of the repository."""
        if self.row.hook.app_id:
            return self._installed
        number = self.row.hook.organization_id
        if (
            number
            and self.row.github_repo_id is None
            and _id(self.payload, "organization") == number
        ):
            about = Q(organization_id=number)
        else:
            about = Q(pk__in=[tracked.integration_id for tracked in self.tracked])
        return GitHubIntegration.objects.filter(about, disconnected_at=None)

    @property
    def _installed(self) -> QuerySet[GitHubIntegration]:
        """The connections that live on the installation that it is about."""
        return suspension.of_installation(self.row.installation_id or 0)


def pull_request_changed(delivered: Delivered) -> None:
    """Marks the pull request stale for every team that tracks its repository."""
    pull = delivered.payload.get("pull_request")
    number = pull.get("number") if isinstance(pull, dict) else None
    if not isinstance(pull, dict) or not isinstance(number, int) or not 0 < number < 2**31:
        raise PayloadError("The payload names no pull request.")
    row = delivered.row
    row.number = number
    row.happened_at = _happened_at(delivered.payload, pull)
    for tracked in delivered.tracked:
        known = PullRequest.objects.filter(repository=tracked.repository, number=number)
        node_id = known.values_list("node_id", flat=True).first() or str(pull.get("node_id", ""))
        if node_id:
            poll.mark_stale(tracked, [(number, node_id)], datetime.now(UTC))


def repository_changed(delivered: Delivered) -> None:
    """Lets the next poll, which is made due now, find what became of the repository."""
    ids = {tracked.integration_id for tracked in delivered.tracked}
    GitHubIntegration.objects.filter(pk__in=ids).update(poll_due_at=datetime.now(UTC))


def people_changed(delivered: Delivered) -> None:
    """Has the organisation's people read anew."""
    delivered.integrations.update(members_due_at=datetime.now(UTC))


def app_changed(handler: Callable[[Mapping[str, Any]], None]) -> Callable[[Delivered], None]:
    """Hands to `app_events` what an App's own hook tells, and only that."""

    def handle(delivered: Delivered) -> None:
        if delivered.row.hook.app_id:
            handler(delivered.payload)

    return handle


def hook_confirmed(delivered: Delivered) -> None:
    """`ping`: the hook works; it may tell its id before GitHub's reply does."""
    hook_id = delivered.payload.get("hook_id")
    hook = delivered.row.hook
    if isinstance(hook_id, int) and hook.hook_id is None:
        Hook.objects.filter(pk=hook.pk, hook_id__isnull=True).update(hook_id=hook_id)


def hook_removed(delivered: Delivered) -> None:
    """`meta`: somebody deleted our hook on GitHub; it is looked after at once."""
    hook = delivered.row.hook
    Hook.objects.filter(pk=hook.pk).update(hook_id=None)
    TrackedRepository.objects.filter(hook=hook).update(hook_due_at=datetime.now(UTC))
    GitHubIntegration.objects.filter(hook=hook).update(hook_due_at=datetime.now(UTC))


HANDLERS: Mapping[str, Callable[[Delivered], None]] = {
    "pull_request": pull_request_changed,
    "pull_request_review": pull_request_changed,
    "pull_request_review_comment": pull_request_changed,
    "pull_request_review_thread": pull_request_changed,
    "repository": repository_changed,
    "member": people_changed,
    "membership": people_changed,
    "organization": people_changed,
    "team": people_changed,
    "github_app_authorization": app_changed(app_events.authorization),
    "installation": app_changed(app_events.installation),
    "installation_repositories": app_changed(app_events.repositories),
    "ping": hook_confirmed,
    "meta": hook_removed,
}

# Known, and without meaning for what tformance shows.
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
        "deployment_status",
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
        "release",
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
        "workflow_run",
    }
)

# What a repository's own hook subscribes to: `organization` and `membership` it cannot have, and
# `ping` and `meta` come by themselves or by name.
SUBSCRIBED = (
    "member",
    "meta",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "pull_request_review_thread",
    "repository",
)
# People and their teams are told of to the organisation alone.
SUBSCRIBED_BY_ORGANIZATION = (*SUBSCRIBED, "membership", "organization", "team")

# A GitHub App's hook tells of all repositories that it is installed on, and of their people; what
# becomes of the App itself it tells without being asked.
SUBSCRIBED_BY_APP = tuple(event for event in SUBSCRIBED_BY_ORGANIZATION if event != "meta")


def handle_due(now: datetime) -> int:
    """Handles deliveries that are due, oldest first; how many there were."""
    with transaction.atomic():
        rows = WebhookDelivery.objects.select_for_update(skip_locked=True, of=("self",)).filter(
            due_at__lte=now
        )
        due = list(rows.select_related("hook").order_by("due_at")[:AT_ONCE])
        for row in due:
            _handle(row, now)
    return len(due)


def handle_all(hook: Hook) -> None:
    """Handles what a hook that is about to go has still delivered."""
    now = datetime.now(UTC)
    with transaction.atomic():
        for row in hook.deliveries.select_for_update(of=("self",)).filter(due_at__isnull=False):
            _handle(row, now)


def hand_over(former: Hook, heir: Hook) -> None:
    """Handles and keeps a hook's deliveries under the hook that takes its place."""
    handle_all(former)
    twice = former.deliveries.filter(guid__in=heir.deliveries.values("guid"))
    former.deliveries.exclude(pk__in=list(twice.values_list("pk", flat=True))).update(
        hook=heir, github_repo_id=former.github_repo_id
    )


def give_back(former: Hook) -> None:
    """The same for an organisation's hook, whose repositories have hooks of their own again."""
    handle_all(former)
    ids = former.deliveries.order_by().values("github_repo_id").distinct()
    for heir in Hook.objects.filter(host=former.host, github_repo_id__in=ids):
        told = former.deliveries.filter(github_repo_id=heir.github_repo_id)
        told.exclude(guid__in=list(heir.deliveries.values_list("guid", flat=True))).update(
            hook=heir
        )


def prune(now: datetime) -> None:
    """Forgets deliveries after thirty days."""
    WebhookDelivery.objects.filter(received_at__lt=now - KEPT).delete()


def _handle(row: WebhookDelivery, now: datetime) -> None:
    """Handles a delivery; one that fails is tried again, or set aside, and stops no other."""
    try:
        with transaction.atomic():
            row.state = _run_handler(row)
            row.attempts += 1
            row.error, row.due_at, row.handled_at = "", None, now
            row.save()
    except (PayloadError, msgspec.DecodeError, RecursionError) as error:
        _set_aside(row, str(error), None)
    except (DatabaseError, LookupError, TypeError, ValueError, AttributeError, OverflowError) as e:
        log.exception("Delivery %s failed.", row.guid)
        given_up = row.attempts + 1 >= GIVE_UP_AFTER
        again_at = None if given_up else now + limits.backoff(row.attempts + 3)
        _set_aside(row, f"{type(e).__name__}: {e}", again_at)


def _set_aside(row: WebhookDelivery, error: str, again_at: datetime | None) -> None:
    # What was read of the payload may be what the database does not take.
    WebhookDelivery.objects.filter(pk=row.pk).update(
        state=State.FAILED,
        error=error.replace("\x00", ""),
        due_at=again_at,
        attempts=F("attempts") + 1,
    )


def _run_handler(row: WebhookDelivery) -> str:
    payload = msgspec.json.decode(row.payload)
    if not isinstance(payload, dict):
        raise PayloadError("The payload is no object.")
    row.action = str(payload.get("action") or "")[:60]
    row.github_repo_id = _repository_of(row.hook, payload)
    row.installation_id = _id(payload, "installation") if row.hook.app_id else None
    handler = HANDLERS.get(row.event)
    if row.hook.confirmed_at is None:
        Hook.objects.filter(pk=row.hook_id).update(confirmed_at=row.received_at)
    if handler is None:
        if row.event not in IGNORED:
            log.warning("GitHub sends an event that tformance does not know: %s.", row.event)
        return State.IGNORED
    handler(Delivered(row, payload))
    return State.HANDLED


def _repository_of(hook: Hook, payload: Mapping[str, Any]) -> int | None:
    """The repository that a payload is about, if it is one of the hook's."""
    number = _id(payload, "repository")
    if hook.app_id:
        return number
    if hook.organization_id:
        return number if _id(payload, "organization") == hook.organization_id else None
    return number if number == hook.github_repo_id else None


def _id(payload: Mapping[str, Any], name: str) -> int | None:
    """The id of what a payload calls `name`; None where it is none of GitHub's."""
    thing = payload.get(name)
    number = thing.get("id") if isinstance(thing, dict) else None
    return number if isinstance(number, int) and 0 < number < 2**63 else None


def _happened_at(payload: Mapping[str, Any], pull: Mapping[str, Any]) -> datetime | None:
    review, comment = payload.get("review") or {}, payload.get("comment") or {}
    for text in (review.get("submitted_at"), comment.get("updated_at"), pull.get("updated_at")):
        try:
            return msgspec.convert(text, datetime)
        except msgspec.ValidationError:
            continue
    return None
