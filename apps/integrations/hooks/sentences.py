"""Sentences of the webhooks page: the status of each hook, and what was delivered."""

from __future__ import annotations

from collections.abc import Mapping

from apps.integrations.hooks.repository_hooks import ARCHIVED
from apps.integrations.models import (
    GitHubIntegration,
    IntegrationCredential,
    TrackedRepository,
    WebhookDelivery,
)
from apps.teams.wording import Status, counted

State = WebhookDelivery.State
UNPROVEN = Status("Created, nothing delivered yet")
COMING = Status("Being created", "info")
DELIVERIES = {
    State.HANDLED: Status("Handled", "good"),
    State.IGNORED: Status("Ignored on purpose"),
    State.RECEIVED: Status("Waiting", "info"),
}


def coverage(repositories: int, without: int, unsent: int) -> str:
    """Whether every repository has the hook that it needs."""
    if without:
        return f"{without:,} of {counted(repositories, 'repository', 'repositories')} have no hook."
    if unsent:
        hooks = counted(repositories, "hook")
        return f"GitHub has yet to be told the address and secret of {unsent:,} of {hooks}."
    return "Every repository that needs a hook has one."


def of_repository(row: TrackedRepository) -> Status:
    """The status of a repository's hook."""
    if row.integration.credential.kind == IntegrationCredential.Kind.APP:
        return Status("The GitHub App's", "good")
    if row.hook_error == ARCHIVED:
        return Status("None needed", note=row.hook_error)
    if row.hook_error:
        return Status("Unconfirmed" if row.hook_id else "None", "warn", row.hook_error)
    if row.hook is None:
        return COMING
    if row.hook.hook_id and not row.hook.is_secret_sent:
        return Status("Being renewed", "info")
    return Status("Works", "good") if row.hook.confirmed_at else UNPROVEN


def of_organization(row: GitHubIntegration) -> Status | None:
    """The status of an organisation's hook; None if it neither has nor wants one."""
    if not row.wants_one_hook:
        note = "Repositories get their own hooks back first."
        return Status("Being removed", "info", note) if row.hook else None
    if row.hook_error:
        return Status("Unconfirmed" if row.hook_id else "None", "warn", row.hook_error)
    if row.hook is None:
        note = "Until then each repository keeps its own."
        return Status(COMING.badge, COMING.tone, note)
    state = Status("Works", "good") if row.hook.confirmed_at else UNPROVEN
    return Status(state.badge, state.tone, "One hook for all repositories.")


def deliveries(counts: Mapping[str, int], shown: int, missed: int) -> str:
    """How many deliveries arrived, and their outcomes."""
    parts = [f"{sum(counts.values()):,} in the last 30 days"]
    if failed := counts.get(State.FAILED):
        parts.append(f"{failed:,} failed")
    if waiting := counts.get(State.RECEIVED):
        parts.append(f"{waiting:,} waiting")
    sentences = [", ".join(parts) + "."]
    if shown:
        sentences.append(f"The latest {shown:,} are shown.")
    if missed:
        them = "it" if missed == 1 else "them"
        sentences.append(f"{missed:,} did not reach us; GitHub is asked to send {them} again.")
    return " ".join(sentences)


def of_delivery(row: WebhookDelivery) -> Status:
    """The outcome of one delivery."""
    if row.state != State.FAILED:
        return DELIVERIES[State(row.state)]
    again = " It will be tried again." if row.due_at else ""
    return Status("Failed", "bad", f"{row.error}{again}")
