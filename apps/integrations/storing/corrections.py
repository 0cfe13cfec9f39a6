"""A person's correction of whether a deployment failed: stored, audited, and decisive."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import transaction
from django.http import HttpRequest

from apps.audit.record import record
from apps.integrations.storing import failing
from apps.integrations.storing.texts import tidy
from apps.metrics.figures import freshness
from apps.metrics.models import Deployment

LONGEST_NOTE = 500
_STORED = (
    *("marked_failed", "mark_note", "marked_by", "marked_at", "modified_at"),
    *("is_failed", "failed_by", "recovered_at", "recovery_time"),
)


class CorrectionError(Exception):
    """The correction is impossible for this deployment."""


@transaction.atomic
def correct(
    request: HttpRequest, deployment: Deployment, *, failed: bool | None, note: str = ""
) -> Deployment:
    """Marks a deployment as failed or not; None removes the mark, and the evidence applies again.

    Raises CorrectionError for deployments outside the fail rate: repeats, rollbacks, restores,
    those that could not be placed, and those that never succeeded.
    """
    # Before its own row, in the order in which counting locks them.
    freshness.changed(deployment.application.repository_id)
    rows = Deployment.objects.select_for_update(no_key=True, of=("self",))
    row = rows.select_related("application__repository", "mended_by").get(pk=deployment.pk)
    if not row.is_judged:
        raise CorrectionError("It counts in no fail rate, so that it cannot have failed.")
    row.marked_failed = failed
    row.mark_note = "" if failed is None else tidy(note.strip())[:LONGEST_NOTE]
    row.marked_by_id = None if failed is None else request.user.pk
    row.marked_at = None if failed is None else datetime.now(UTC)
    failing.follow(row)
    row.save(update_fields=_STORED)
    said = {True: "failed", False: "not failed", None: "as found"}[failed]
    record(
        "deployment.marked",
        team_id=row.team_id,
        request=request,
        object_name=f"{row.application.repository} {row.application.environment} {row.sha[:7]}",
        said=said,
    )
    return row
