"""Reads the audit log: the rows of a team, filtered, page by page, and as a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet

from apps.audit.models import AuditEvent
from apps.audit.spreadsheets import for_excel, no_formula
from apps.audit.words import GROUPS

KEPT = timedelta(days=365)
PAGE = 100
FIELDS = ("at", "who", "from", "action", "object", "details")


class HistoryForm(forms.Form):
    """Who, what and when; each field is optional."""

    who = forms.CharField(label="Who", required=False, max_length=254)
    what = forms.ChoiceField(
        label="What", required=False, choices=[("", "Everything"), *GROUPS.items()]
    )
    since = forms.DateField(label="From", required=False, widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput({"type": "date"}))

    def matching(self, rows: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """The rows that fit; `until` is included, in UTC."""
        chosen = self.cleaned_data
        if who := chosen["who"].replace("\x00", "").strip():
            rows = rows.filter(actor_email__icontains=who)
        if chosen["what"]:
            rows = rows.filter(action__startswith=chosen["what"])
        if chosen["since"]:
            rows = rows.filter(at__gte=_midnight(chosen["since"]))
        if chosen["until"]:
            rows = rows.filter(at__lte=datetime.combine(chosen["until"], time.max, UTC))
        return rows


def page(rows: QuerySet[AuditEvent], before: str) -> tuple[list[AuditEvent], int | None]:
    """The rows older than the row `before`, and the id to continue from if there are more."""
    if before.isascii() and before.isdigit() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows.order_by("-pk")[: PAGE + 1])
    return found[:PAGE], found[PAGE - 1].pk if len(found) > PAGE else None


def as_row(event: AuditEvent) -> dict[str, Any]:
    """The entry for files and programs, with its time in UTC."""
    values = (
        f"{event.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        event.actor_email or None,
        event.ip_address,
        event.action,
        event.object_name,
        event.details,
    )
    return dict(zip(FIELDS, values, strict=True))


def json_lines(rows: Iterable[AuditEvent]) -> Iterator[str]:
    """One object a line."""
    for event in rows:
        yield json.dumps(as_row(event), ensure_ascii=False) + "\n"


def csv_lines(rows: Iterable[AuditEvent]) -> Iterator[str]:
    """With a header; details are JSON."""
    yield _csv_line(FIELDS)
    for event in rows:
        row = as_row(event)
        row["details"] = json.dumps(row["details"], ensure_ascii=False)
        yield _csv_line(_cell(value) for value in row.values())


def forget_old(now: datetime, kept: Iterable[int]) -> None:
    """Deletes entries older than the team keeps them, or than a year where it does not say.

    `kept` lists every number of days that a team may choose.
    """
    of_none = AuditEvent.objects.filter(team__audit_days__isnull=True)  # or of a deleted team
    AuditEvent.objects.filter(pk__in=of_none.filter(at__lt=now - KEPT).values("pk")).delete()
    for days in kept:
        of_teams = AuditEvent.objects.filter(team__audit_days=days)
        of_teams.filter(at__lt=now - timedelta(days=days)).delete()


def scrub(rows: QuerySet[AuditEvent]) -> None:
    """Empties events of everything that names a person; only action and time stay. Irreversible.

    The database allows it only for a team that is being deleted.
    """
    rows.update(team=None, actor=None, actor_email="", ip_address=None, object_name="", details={})


def excel_lines(rows: Iterable[AuditEvent]) -> Iterator[str]:
    """The same, as Excel reads it."""
    return for_excel(csv_lines(rows))


def _csv_line(cells: Iterable[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue()


def _cell(value: Any) -> str:
    return "" if value is None else no_formula(str(value))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
