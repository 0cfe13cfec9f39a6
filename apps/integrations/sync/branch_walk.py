"""Reads as much of a default branch's graph as deployments need, a hundred commits a point.

It reads down from the tip, until each deployed commit is found and everything below is an ancestor
of the first deployment, which adds nothing. Commits elsewhere are placed by their merge base, with
one `compare` request each, whose result is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from apps.chunks import chunks
from apps.integrations.github import branches, limits
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import CursorError, TooHeavyError, UnavailableError
from apps.integrations.github.production_records import Commits
from apps.integrations.models import ProductionWalk
from apps.integrations.storing import bringing, deliveries, recount_requests
from apps.integrations.storing.upsert import upsert
from apps.integrations.work import leases
from apps.metrics.calculations.ancestry import generations, with_ancestors
from apps.metrics.models import Application, BranchCommit, Deployment, Production, Source

BEFORE = timedelta(days=1)
"""A deployed commit is older than its deployment, by some unknown clock."""
MOST_TRIES = 3
"""Attempts to place a commit, before its deployment counts as one that cannot be placed."""


@dataclass
class Branch:
    """The walk of one repository's branch during a turn."""

    walk: ProductionWalk
    production: Production
    is_on_top: bool = field(default=False, init=False)
    """Whether everything unsettled came above the known part, in this turn."""
    _has_seen_tip: bool = field(default=False, init=False)

    @property
    def _commits(self) -> QuerySet[BranchCommit]:
        return BranchCommit.objects.filter(repository=self.production.repository_id)

    def step(self, github: GitHub, now: datetime) -> bool:
        """Makes the next request; False if nothing is left to do."""
        applications = [
            row for row in deliveries.wanted(self.production) if row.source != Source.MERGE
        ]
        if not applications:
            return False
        waiting = Deployment.objects.filter(
            application__in=applications,
            sequence=None,
            deployed_at__isnull=False,
            is_left_out=False,
            is_unplaced=False,
        )
        loose = list(waiting.filter(place="").order_by("requested_at"))
        if loose:
            return self._place(github, loose, now)
        return self._complete(github, applications, waiting, now)

    def _place(self, github: GitHub, loose: Sequence[Deployment], now: datetime) -> bool:
        """Finds where a commit lies: on the known part of the branch, below it, or elsewhere."""
        if self._place_known(loose):
            return True
        walk, stored_at = self.walk, max(row.created_at for row in loose)
        if walk.branch_tip_at is None or walk.branch_tip_at < stored_at:
            self._from_tip(github, now)
        elif not walk.is_branch_whole and self._may_lie_deeper(loose[0]):
            self._go_on(github, now)
        else:
            self._compare(github, loose[0])
        return True

    def _may_lie_deeper(self, row: Deployment) -> bool:
        floor = self.walk.branch_floor
        return floor is None or floor > row.requested_at - BEFORE

    @transaction.atomic
    def _place_known(self, loose: Sequence[Deployment]) -> bool:
        leases.renew_held()
        found = False
        for some in chunks(sorted({row.sha for row in loose})):
            there = set(self._commits.filter(sha__in=some).values_list("sha", flat=True))
            rows = [row for row in loose if row.sha in there]
            for row in rows:
                row.place = row.sha
            Deployment.objects.bulk_update(rows, ["place"], batch_size=200)
            found = found or bool(rows)
        return found

    def _compare(self, github: GitHub, row: Deployment) -> None:
        repository = self.production.repository
        branch = repository.default_branch or branches.branch(github, repository.node_id).tip
        base = self._merge_base(github, branch, row.sha)
        with transaction.atomic():
            leases.renew_held()
            same = Deployment.objects.filter(
                application__repository=repository, sha=row.sha, place="", sequence=None
            )
            same.update(place=base or "", is_unplaced=base is None)
            self._save(compare_failures=0)

    def _merge_base(self, github: GitHub, branch: str, sha: str) -> str | None:
        """None if GitHub cannot tell, or repeatedly fails on this request alone."""
        try:
            return branches.merge_base(github, self.walk.tracked.full_name, branch, sha)
        except (TooHeavyError, UnavailableError):
            if self.walk.compare_failures + 1 < MOST_TRIES:
                self._save(compare_failures=self.walk.compare_failures + 1)
                raise
            # If all of GitHub is down, this fails as well, and nothing is given up.
            branches.branch(github, self.production.repository.node_id, page_size=1)
            return None

    def _complete(
        self,
        github: GitHub,
        applications: Sequence[Application],
        waiting: QuerySet[Deployment],
        now: datetime,
    ) -> bool:
        """Once all are placed: reads on until nothing below matters, then settles the graph."""
        places = set(waiting.values_list("place", flat=True))
        missing = self._unknown(places)
        rootless = [
            row for row in applications if not row.is_rooted and bringing.eligible(row).exists()
        ]
        if not (missing or rootless or self._commits.filter(generation=None).exists()):
            return False
        if missing and self.walk.is_branch_whole and not self._has_seen_tip:
            # Another worker's clock may have been ahead when it noted that it had read the tip.
            self._from_tip(github, now)
        elif missing and self.walk.is_branch_whole:
            self._give_up(missing)
        elif self.is_on_top and not (missing or rootless):
            self._settle_top()
        else:
            self._read_or_settle(github, applications, missing, now)
        return True

    def _read_or_settle(
        self, github: GitHub, applications: Sequence[Application], missing: set[str], now: datetime
    ) -> None:
        parents = {
            sha: tuple(text.split())
            for sha, text in self._commits.values_list("sha", "parents").iterator(10_000)
        }
        firsts = [place for row in applications if (place := _first_place(row))]
        ends = [] if self.walk.is_branch_whole else bad_ends(parents, firsts, bool(missing))
        if ends:
            self._go_on(github, now, ends)
        else:
            self._settle(parents, applications)

    def _from_tip(self, github: GitHub, now: datetime) -> None:
        node_id, size = self.production.repository.node_id, self.walk.page_size
        page = branches.branch(github, node_id, page_size=size)
        self._store(page, page.tip, now, is_tip=True)
        self._has_seen_tip = True

    def _go_on(self, github: GitHub, now: datetime, ends: Sequence[str] = ()) -> None:
        """Continues down: from the walk's cursor, else from an open end, else from the tip."""
        walk = self.walk
        start, cursor = walk.branch_start, walk.branch_cursor
        if not cursor:
            start = next(iter(ends or self._all_ends()), "")
            if not start:
                return self._save(is_branch_whole=True)
        try:
            node_id, size = self.production.repository.node_id, self.walk.page_size
            page = branches.branch(github, node_id, start, cursor, size)
        except CursorError:
            # The commit is gone from GitHub: nothing below it can be known.
            self._save(branch_start="", branch_cursor="", is_branch_whole=not cursor)
            return None
        self.is_on_top = False
        return self._store(page, start, now)

    def _all_ends(self) -> list[str]:
        parents = {
            sha: tuple(text.split())
            for sha, text in self._commits.values_list("sha", "parents").iterator(10_000)
        }
        return bad_ends(parents, [], True)

    @transaction.atomic
    def _store(self, page: Commits, start: str, now: datetime, *, is_tip: bool = False) -> None:
        leases.renew_held()
        shas = list(page.parents)
        known = set(self._commits.filter(sha__in=shas).values_list("sha", flat=True))
        fresh = [sha for sha in shas if sha not in known]
        BranchCommit.objects.bulk_create(
            [
                BranchCommit(
                    repository=self.production.repository,
                    sha=sha,
                    parents=" ".join(page.parents[sha]),
                )
                for sha in fresh
            ],
            ignore_conflicts=True,
        )
        is_over = not fresh or not page.next
        floor = min(filter(None, (self.walk.branch_floor, page.oldest)), default=None)
        changes: dict[str, object] = {
            "branch_start": "" if is_over else start,
            "branch_cursor": "" if is_over else page.next,
            "branch_floor": floor,
            "page_size": limits.larger(self.walk.page_size, branches.AT_ONCE),
        }
        if is_tip:
            changes["branch_tip_at"] = now
            others = self._commits.filter(generation=None).exclude(sha__in=fresh)
            is_above = bool(known) and shas[: len(fresh)] == fresh
            self.is_on_top = is_above and not others.exists()
            below = {one for sha in fresh for one in page.parents[sha]} - page.parents.keys()
            is_joined = self.walk.is_branch_whole and not self._unknown(below)
            changes["is_branch_whole"] = not page.next or is_joined
        elif not page.next and (not self._all_ends()):
            changes["is_branch_whole"] = True
        self._save(**changes)

    def _save(self, **changes: object) -> None:
        ProductionWalk.objects.filter(pk=self.walk.pk).update(**changes)
        for name, value in changes.items():
            setattr(self.walk, name, value)

    def _unknown(self, places: set[str]) -> set[str]:
        found: set[str] = set()
        for some in chunks(sorted(places)):
            found |= set(self._commits.filter(sha__in=some).values_list("sha", flat=True))
        return places - found

    def _give_up(self, missing: set[str]) -> None:
        rows = Deployment.objects.filter(application__repository=self.production.repository)
        rows.filter(place__in=missing, sequence=None).update(place="", is_unplaced=True)

    def _settle_top(self) -> None:
        """Assigns generations to the commits above the known part."""
        rows = dict(self._commits.filter(generation=None).values_list("sha", "parents"))
        parents = {sha: tuple(text.split()) for sha, text in rows.items()}
        below = {each for some in parents.values() for each in some if each not in parents}
        known: dict[str, int] = {}
        for some in chunks(sorted(below)):
            found = self._commits.filter(sha__in=some).values_list("sha", "generation")
            known |= {sha: generation or 0 for sha, generation in found}
        if below - known.keys():
            self.is_on_top = False  # An old branch was merged: its own end is still open.
            return
        self._write(parents, generations(parents, known), {})

    @transaction.atomic
    def _settle(
        self, parents: Mapping[str, Sequence[str]], applications: Sequence[Application]
    ) -> None:
        rows = self._commits.filter(generation__isnull=False)
        before = dict(rows.values_list("sha", "generation").iterator(10_000))
        self._write(parents, generations(parents), before)
        for row in applications:
            bringing.note_below(row, parents)
        Application.objects.filter(pk__in=[row.pk for row in applications]).update(is_rooted=True)

    @transaction.atomic
    def _write(
        self,
        parents: Mapping[str, Sequence[str]],
        found: Mapping[str, int],
        before: Mapping[str, int | None],
    ) -> None:
        leases.renew_held()
        changed = [sha for sha, number in found.items() if before.get(sha) != number]
        for some in chunks(changed, 5_000):
            columns = [
                {
                    "repository_id": self.production.repository_id,
                    "sha": sha,
                    "parents": " ".join(parents[sha]),
                    "generation": found[sha],
                }
                for sha in some
            ]
            upsert(BranchCommit, columns, keys=("repository_id", "sha"))
        recount_requests.ask(Production.objects.filter(pk=self.production.pk))


def bad_ends(
    parents: Mapping[str, Sequence[str]], firsts: Iterable[str], is_all: bool
) -> list[str]:
    """Unread parents below which commits may matter.

    What lies below does not matter if all children are ancestors of each first deployment.
    """
    children: dict[str, list[str]] = {}
    for sha, some in parents.items():
        for one in some:
            if one not in parents:
                children.setdefault(one, []).append(sha)
    if is_all:
        return sorted(children)
    bad: set[str] = set()
    for first in set(firsts):
        below = with_ancestors(parents, first)
        bad |= {end for end, some in children.items() if not all(one in below for one in some)}
    return sorted(bad)


def _first_place(application: Application) -> str:
    rows = bringing.eligible(application).filter(is_unplaced=False)
    row = rows.order_by("deployed_at", "requested_at", "node_id").first()
    return row.place if row else ""
