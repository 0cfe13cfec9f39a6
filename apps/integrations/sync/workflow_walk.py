"""Reads the successful runs of the workflow that a team named, range by range into the past.

GitHub cuts a list at a thousand, so ranges are split until each has fewer. Afterwards one
conditional request an hour asks for newer ones, if no webhook reports them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import transaction

from apps.integrations.github import workflow_runs
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import NotFoundError
from apps.integrations.github.workflow_runs import MOST_LISTED, Runs
from apps.integrations.models import ProductionWalk
from apps.integrations.storing import deliveries
from apps.integrations.work import leases
from apps.metrics.models import Production, Source

EVERY = timedelta(hours=1)
SMALLEST, LARGEST = 1, 24 * 365  # hours of a range


class Workflow:
    """The walk of one repository's runs."""

    def __init__(self, walk: ProductionWalk, production: Production) -> None:
        self.walk, self.production = walk, production

    def step(self, github: GitHub, now: datetime) -> bool:
        """Makes the next request; False if nothing is left to do."""
        if self.production.source != Source.WORKFLOW or not self.production.is_chosen:
            return False
        if self.walk.runs_due_at and self.walk.runs_due_at > now and self._is_settled():
            return False
        if self.walk.workflow_id is None:
            self._find(github, now)
        else:
            self._read(github, now)
        return True

    def _read(self, github: GitHub, now: datetime) -> None:
        try:
            (self._newer if self.walk.runs_read else self._slice)(github, now)
        except NotFoundError:
            # It was deleted. One with the same name is looked up, as if newly named.
            self._save(workflow_id=None, runs_etag="", runs_due_at=now + EVERY)

    def _is_settled(self) -> bool:
        return self.walk.runs_read or self.walk.workflow_id is None

    def _find(self, github: GitHub, now: datetime) -> None:
        """Finds it by its name or its file's; repeated later if there is none."""
        found = workflow_runs.workflows(github, self.walk.tracked.full_name)
        name = self.production.workflow.casefold()
        one = next(
            (
                each
                for each in found
                if name in (each.name.casefold(), each.path.rpartition("/")[2].casefold())
            ),
            None,
        )
        names = sorted({each.name[:255] for each in found})
        with transaction.atomic():
            Production.objects.filter(pk=self.production.pk).update(workflows=names[:200])
            if one is None:
                self._save(runs_due_at=now + EVERY)
            else:
                self._save(workflow_id=one.id, workflow_begun_at=one.created_at, runs_until=now)

    def _slice(self, github: GitHub, now: datetime) -> None:
        walk = self.walk
        until = walk.runs_until or now
        begin = until - timedelta(hours=walk.runs_hours)
        page = self._runs(github, created=f"{_as_text(begin)}..{_as_text(until)}")
        if page.total >= MOST_LISTED and walk.runs_hours > SMALLEST:
            return self._save(runs_hours=max(walk.runs_hours // 4, SMALLEST))
        for each in self._pages(github, page):
            self._store(each, now)
        is_last = walk.workflow_begun_at is None or begin <= walk.workflow_begun_at
        hours = walk.runs_hours if page.total > MOST_LISTED // 4 else walk.runs_hours * 2
        self._save(
            runs_until=begin,
            runs_hours=min(hours, LARGEST),
            runs_read=is_last,
            runs_due_at=now + EVERY if is_last else walk.runs_due_at,
        )
        return None

    def _newer(self, github: GitHub, now: datetime) -> None:
        page = self._runs(github, etag=self.walk.runs_etag)
        if not page.is_unchanged:
            where = deliveries.application(
                self.production.repository, Source.WORKFLOW, self.production.workflow
            )
            for each in self._pages(github, page):
                known = where.deployments.filter(node_id__in=[one.id for one in each.items])
                is_known = known.exists()
                self._store(each, now)
                if is_known:
                    break
        self._save(runs_etag=page.etag[:200], runs_due_at=now + EVERY)

    def _runs(self, github: GitHub, created: str = "", etag: str = "") -> Runs:
        return workflow_runs.runs(
            github,
            self.walk.tracked.full_name,
            self.walk.workflow_id or 0,
            self.production.repository.default_branch,
            created,
            etag,
        )

    def _pages(self, github: GitHub, first: Runs) -> Iterator[Runs]:
        page = first
        yield page
        while page.next:
            page = workflow_runs.more_runs(github, page.next)
            yield page

    @transaction.atomic
    def _store(self, page: Runs, now: datetime) -> None:
        leases.renew_held()
        deliveries.runs(self.production, page.items, now)

    def _save(self, **changes: object) -> None:
        ProductionWalk.objects.filter(pk=self.walk.pk).update(**changes)
        for name, value in changes.items():
            setattr(self.walk, name, value)


def _as_text(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
