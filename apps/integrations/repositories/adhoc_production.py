"""From the command line: reads the deployments of repositories completely, while the user waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from apps.integrations.github.errors import GitHubError, UnavailableError, WaitError
from apps.integrations.models import ProductionWalk, TrackedRepository
from apps.integrations.repositories.adhoc import ATTEMPTS, Note, pause
from apps.integrations.storing import deliveries, recounting
from apps.integrations.sync import production, production_look, stale_deployments
from apps.integrations.work import leases
from apps.integrations.work.leases import Claim, LeaseLostError
from apps.metrics.models import Deployment, Production, Source

ROUNDS = 5
"""Counting may need more of the branch, and reading may find more to count."""
FOUND = "found"
BUSY = "Another worker has been reading it for minutes."
MOST_TRIES = 180  # a second apart
_PLACES = (
    *("deployments_cursor", "page_size", "releases_cursor"),
    *("workflow_id", "runs_until", "runs_hours"),
    *("branch_start", "branch_cursor", "branch_tip_at", "is_branch_whole"),
)
PERMISSIONS = {
    "deployments": "deployments (“Deployments: read”)",
    "actions": "runs of workflows (“Actions: read”)",
    "contents": "releases and commits (“Contents: read”)",
}


def parse(text: str) -> tuple[str, str]:
    """Source and workflow of `deployment`, `release`, `workflow:NAME` or `merge`.

    Both are empty for `found`. Raises ValueError.
    """
    if text == FOUND:
        return "", ""
    source, _, workflow = text.partition(":")
    is_workflow = source == Source.WORKFLOW
    if source not in Source.values or is_workflow != bool(workflow):
        raise ValueError(
            f"“{text}” is not one of deployment, release, workflow:NAME, merge, found."
        )
    return source, workflow


def read(tracked: TrackedRepository, chosen: tuple[str, str] | None, note: Note) -> str:
    """Reads and counts everything; returns what is missing as a sentence, empty if nothing."""
    if chosen:
        recounting.choose(tracked.repository, chosen[0], workflow=chosen[1])
    row = deliveries.production(tracked.repository)
    production.walk_of(tracked)
    undecided = Deployment.objects.filter(application__repository=tracked.repository)
    undecided.filter(look_again_at__isnull=False).update(look_again_at=datetime.now(UTC))
    ProductionWalk.objects.filter(tracked=tracked).update(runs_due_at=None)
    Production.objects.filter(pk=row.pk).update(not_granted=[])
    try:
        _patiently(lambda: production_look.look_at(tracked), note)
        for _ in range(ROUNDS):
            _patiently(lambda: stale_deployments.read(tracked), note)
            _patiently(lambda: _walk(tracked), note, lambda: _reached(tracked))
            _count(row.pk)
            if not _is_due(tracked):
                break
    except GitHubError as error:
        _count(row.pk)  # As far as it is known.
        return f"The deployments of {tracked.full_name} are incomplete. {error}"
    return ""


def remarks(tracked: TrackedRepository, chosen: tuple[str, str] | None) -> Iterator[str]:
    """Remarks on deployment figures, a sentence each."""
    row = Production.objects.filter(repository=tracked.repository).first()
    if row and row.is_chosen and chosen is None:
        source = Source(row.source).label + (f" ({row.workflow})" if row.workflow else "")
        yield (
            f"The deployments of {tracked.full_name} come from “{source}”, as was chosen before; "
            f"--production {FOUND} detects the source again."
        )
    for permission in row.not_granted if row else ():
        yield f"GitHub does not show {PERMISSIONS[permission]} of {tracked.full_name}: not granted."
    if (
        row
        and row.source == Source.WORKFLOW
        and not row.repository.applications.filter(
            is_current=True, deployments__isnull=False
        ).exists()
    ):
        known = f" There are: {', '.join(row.workflows)}." if row.workflows else ""
        yield f"No run of the workflow “{row.workflow}” was found in {tracked.full_name}.{known}"


def _patiently(
    do: Callable[[], None], note: Note, reached: Callable[[], object] = lambda: None
) -> None:
    """Retries; progress, however slow, resets the number of attempts."""
    attempt, before = 1, reached()
    while True:
        try:
            return do()
        except GitHubError as error:
            here = reached()
            attempt, before = 1 if here != before else attempt, here
            if not error.retryable or attempt == ATTEMPTS:
                raise
            time.sleep(pause(error, attempt, note))
            attempt += not isinstance(error, WaitError)


def _reached(tracked: TrackedRepository) -> tuple[object, ...]:
    row = ProductionWalk.objects.filter(tracked=tracked).values_list(*_PLACES).get()
    loose = Deployment.objects.filter(
        application__repository=tracked.repository, place="", is_unplaced=False
    )
    return (*row, loose.count())


def _walk(tracked: TrackedRepository) -> None:
    row = ProductionWalk.objects.select_related(
        "tracked__repository__team", "tracked__integration__credential"
    ).get(tracked=tracked)
    claim = _claim(production.WALK.name, row.pk)
    try:
        with claim.held():
            production.read(row)
    except LeaseLostError:
        raise UnavailableError(BUSY) from None
    finally:
        claim.release()


def _count(pk: int) -> None:
    claim = _claim(recounting.RECOUNT.name, pk)
    try:
        with claim.held():
            recounting.recount(Production.objects.select_related("repository__team").get(pk=pk))
    except LeaseLostError:
        raise UnavailableError(BUSY) from None
    finally:
        claim.release()


def _claim(chore: str, key: int) -> Claim:
    """Waits for another worker's claim: a turn is short, and a dead worker's lease soon expires."""
    for _ in range(MOST_TRIES):
        if claim := leases.claim_row(chore, key, at_once=True):
            return claim
        time.sleep(1)
    raise UnavailableError(BUSY)


def _is_due(tracked: TrackedRepository) -> bool:
    """Whether counting or another process has requested more."""
    return production.is_due(ProductionWalk.objects.get(tracked=tracked))
