"""The commits and pull requests that each deployment of an application added, in order.

A new deployment costs only what it adds; earlier results are kept, except for those after a
deployment found late. A batch is one short transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from django.db import transaction
from django.db.models import Exists, Min, OuterRef, Q, QuerySet, Subquery

from apps.chunks import chunks
from apps.integrations.storing import crediting, recount_requests
from apps.integrations.storing.stored_graph import Brought, Deployed, StoredGraph
from apps.integrations.storing.updating import update
from apps.integrations.storing.upsert import upsert
from apps.integrations.work import leases
from apps.metrics.calculations import deployments as calculations
from apps.metrics.calculations.ancestry import Parents, with_ancestors
from apps.metrics.calculations.deployments import Outcome, blamed, in_order
from apps.metrics.figures import freshness
from apps.metrics.models import (
    Application,
    BranchCommit,
    BroughtCommit,
    DeployedPullRequest,
    Deployment,
    PullRequest,
    Source,
)

BATCH = 200
MANY = 20
"""From this many deployments on, the whole graph is loaded at once."""
_FLAGS = ("sequence", "is_first", "is_repeat", "is_rollback", "is_restore", "took_out_id")
_IN_ORDER = ("deployed_at", "requested_at", "node_id")
# Columns to load; others are not fetched, since there may be many rows.
_TO_COUNT = (*_IN_ORDER, "application", "sha", "place", "is_unplaced")
_ONCE = ("application_id", "commit_id")


def count(application: Application) -> bool:
    """Counts uncounted deployments that can be placed; returns whether anything changed."""
    if application.source == Source.MERGE:
        return _merges(application)
    has_changed = _rewind_where_needed(application)
    if not application.is_rooted:
        return has_changed
    waiting = _countable(application)
    if not waiting:
        return has_changed
    stored = StoredGraph(application)
    if len(waiting) > MANY:
        stored.load_all()
    counting = _Counting.from_stored(application, stored)
    ordered = in_order([_pure(row) for row in waiting], stored.graph)
    rows = {row.node_id: row for row in waiting}
    for some in chunks(ordered, BATCH):
        counting.batch([(one, rows[one.id]) for one in some])
    return True


def eligible(application: Application) -> QuerySet[Deployment]:
    """Deployments that have a place in the order, or will have."""
    return application.deployments.filter(deployed_at__isnull=False, is_left_out=False)


def pending(application: Application) -> QuerySet[Deployment]:
    """Deployments whose place in the graph is not known yet."""
    return eligible(application).filter(_is_pending(application), sequence=None)


def _is_pending(application: Application) -> Q:
    settled = BranchCommit.objects.filter(
        repository=application.repository_id, generation__isnull=False, sha=OuterRef("place")
    )
    return Q(~Exists(settled), is_unplaced=False)


def note_below(application: Application, parents: Parents) -> None:
    """Adds commits read below the first deployment since it was counted: it had them, too."""
    first = application.deployments.filter(is_first=True).first()
    if first is None:
        return
    mine = BroughtCommit.objects.filter(application=application)
    known = set(mine.values_list("commit__sha", flat=True).iterator(10_000))
    missing = sorted((with_ancestors(parents, first.place) & parents.keys()) - known)
    rows = BranchCommit.objects.filter(repository=application.repository_id)
    for some in chunks(missing):
        BroughtCommit.objects.bulk_create(
            [
                BroughtCommit(application=application, commit_id=pk)
                for pk in rows.filter(sha__in=some).values_list("pk", flat=True)
            ]
        )


def _countable(application: Application) -> list[Deployment]:
    """The next to be counted: none after a deployment whose place is unknown."""
    rows = eligible(application).filter(sequence=None).order_by(*_IN_ORDER).only(*_TO_COUNT)
    waiting = list(rows.annotate(is_pending=_is_pending(application)))
    unknown = next((row.deployed_at for row in waiting if row.is_pending), None)
    return list(takewhile(lambda row: row.deployed_at != unknown, waiting))


def _pure(row: Deployment) -> calculations.Deployment:
    place = None if row.is_unplaced else row.place
    return calculations.Deployment(
        row.node_id, row.sha, place, row.requested_at, row.deployed_at or row.requested_at
    )


def _rewind_where_needed(application: Application) -> bool:
    """Discards results after a deployment that was found late or no longer counts."""
    counted = application.deployments.filter(sequence__isnull=False)
    gone = counted.filter(Q(deployed_at=None) | Q(is_left_out=True)).order_by("sequence")
    fresh = eligible(application).filter(sequence=None).order_by("deployed_at")
    # The order in which they were live is that of the sequence, and leads to few rows.
    late = counted.filter(deployed_at__gte=Subquery(fresh.values("deployed_at")[:1]))
    found = (gone, late.order_by("deployed_at", "sequence"))
    firsts = [rows.values_list("sequence", flat=True).first() for rows in found]
    starts = [first for first in firsts if first is not None]
    if not starts:
        return False
    rewind(application, min(starts))
    return True


def rewind_to(application: Application, row: Deployment) -> None:
    """Discards results from a deployment on, which was live earlier than known before."""
    counted = application.deployments.filter(sequence__isnull=False)
    after = counted.filter(Q(deployed_at__gte=row.deployed_at) | Q(pk=row.pk))
    first = after.order_by("sequence").values_list("sequence", flat=True).first()
    if first is not None and application.source != Source.MERGE:
        rewind(application, first)


@transaction.atomic
def rewind(application: Application, sequence: int) -> None:
    """Discards the results of deployments from this place in the order on."""
    leases.renew_held()
    freshness.changed(application.repository_id)
    rows = application.deployments.filter(sequence__gte=sequence)
    _judge_anew(application, rows)
    links = DeployedPullRequest.objects.filter(deployment__in=rows)
    keys = list(links.values_list("pull_request", flat=True))
    links.delete()
    mine = BroughtCommit.objects.filter(application=application)
    mine.filter(deployment__in=rows).delete()
    if rows.filter(is_first=True).exists():
        mine.delete()
        # Commits below the former first deployment may be needed now.
        Application.objects.filter(pk=application.pk).update(is_rooted=False)
        application.is_rooted = False
        crediting.nothing_before(application.repository)
    rows.update(
        sequence=None,
        is_first=False,
        is_repeat=False,
        is_rollback=False,
        is_restore=False,
        took_out=None,
    )
    crediting.credit(application.repository, keys)


def _judge_anew(application: Application, rows: QuerySet[Deployment]) -> None:
    since = rows.aggregate(at=Min("deployed_at"))["at"]
    recount_requests.judge_anew(application.pk, since or recount_requests.EVER)


@dataclass
class _Counting:
    """The state of counting an application."""

    application: Application
    stored: StoredGraph
    pure: calculations.Application
    next: int
    bringers: dict[str, int] = field(default_factory=dict)
    """This turn's deployments by the commits that they added."""

    @classmethod
    def from_stored(cls, application: Application, stored: StoredGraph) -> _Counting:
        counted = application.deployments.filter(sequence__isnull=False).order_by("-sequence")
        last = live = counted.only(*_TO_COUNT, "sequence").first()
        if last and last.is_unplaced:
            live = counted.filter(is_unplaced=False).first()
        pure = calculations.Application(
            goes_back=application.source != Source.RELEASE,
            live=_pure(live) if live else None,
            brought=Brought(stored),
            shas=Deployed(application, at_once=stored.is_complete),
        )
        number = last.sequence + 1 if last and last.sequence is not None else 0
        return cls(application, stored, pure, number)

    @transaction.atomic
    def batch(self, some: Sequence[tuple[calculations.Deployment, Deployment]]) -> None:
        """Stores the results of some deployments. Raises LeaseLostError."""
        leases.renew_held()  # Another worker's results would be taken for earlier deployments'.
        freshness.changed(self.application.repository_id)
        recount_requests.judge_anew(self.application.pk, some[0][0].deployed_at)
        brought: list[tuple[int, int | None]] = []  # commits and deployments
        linked: dict[str, int] = {}
        for one, row in some:
            before = self.pure.live
            outcome = self.pure.deploy(one, self.stored.graph)
            row.sequence, self.next = self.next, self.next + 1
            row.is_first = before is None and one.place is not None
            self._set_outcome(row, outcome)
            if row.is_first:
                brought += [(key, None) for key in self._all_brought()]
            else:
                brought += [(self._key(sha), row.pk) for sha in outcome.brought]
                linked |= dict.fromkeys(outcome.brought, row.pk)
                self.bringers |= dict.fromkeys(outcome.brought, row.pk)
        flags = {row.pk: [getattr(row, name) for name in _FLAGS] for _, row in some}
        update(Deployment, _names(_FLAGS), flags)
        columns = [
            {"application_id": self.application.pk, "commit_id": commit, "deployment_id": key}
            for commit, key in brought
        ]
        for part in chunks(columns, 5000):
            upsert(BroughtCommit, part, keys=_ONCE)
        crediting.link(self.application.repository, linked)
        if any(row.is_first for _, row in some):
            crediting.note_before(self.application.repository)

    def _set_outcome(self, row: Deployment, outcome: Outcome) -> None:
        row.is_repeat, row.is_rollback = outcome.is_repeat, outcome.is_rollback
        row.is_restore = outcome.is_restore
        row.took_out_id = self._blamed(row, outcome.taken_out) if outcome.taken_out else None

    def _blamed(self, rollback: Deployment, taken_out: Sequence[str]) -> int | None:
        keys = {key for sha in taken_out if (key := self.bringers.get(sha))}
        for some in chunks([sha for sha in taken_out if sha not in self.bringers]):
            rows = BroughtCommit.objects.filter(
                application=self.application, commit__in=[self._key(sha) for sha in some]
            )
            keys |= {key for key in rows.values_list("deployment", flat=True) if key}
        found = Deployment.objects.filter(pk__in=keys).order_by(*_IN_ORDER)
        order = [
            calculations.Live(
                each.node_id, each.requested_at, each.deployed_at or each.requested_at
            )
            for each in (*found, rollback)
        ]
        place = blamed(order, len(order) - 1, range(len(order) - 1))
        return None if place is None else list(found)[place].pk

    def _all_brought(self) -> list[int]:
        return [self._key(sha) for sha in self.stored.brought]

    def _key(self, sha: str) -> int:
        node = self.stored.node(sha)
        if node is None:
            raise ValueError(f"{sha} is not in the graph")
        return node.pk


def _names(columns: Iterable[str]) -> list[str]:
    return [name.removesuffix("_id") for name in columns]


def _merges(application: Application) -> bool:
    """Counts merges: each adds its own pull request, and no graph is needed."""
    linked = DeployedPullRequest.objects.filter(
        deployment__application=application, pull_request=OuterRef("pk")
    )
    missing = _merged(application).filter(~Exists(linked))
    has_changed = False
    while some := list(missing.order_by("merged_at", "number")[:BATCH]):
        _store_merges(application, some)
        has_changed = True
    return has_changed


def _merged(application: Application) -> QuerySet[PullRequest]:
    """What was merged into the application's branch."""
    return PullRequest.objects.filter(
        repository=application.repository_id,
        state=PullRequest.State.MERGED,
        base_branch=application.environment,
        merged_at__isnull=False,
    ).exclude(merge_commit_sha="")


@transaction.atomic
def _store_merges(application: Application, some: Sequence[PullRequest]) -> None:
    leases.renew_held()
    freshness.changed(application.repository_id)
    recount_requests.judge_anew(application.pk, some[0].merged_at or recount_requests.EVER)
    by_sha = {row.merge_commit_sha: row for row in some}
    # Of several merged by one commit the first opened one names it, whichever came first.
    for row in _merged(application).filter(merge_commit_sha__in=by_sha).order_by("-number"):
        by_sha[row.merge_commit_sha] = row
    Deployment.objects.bulk_create(
        [_merge_of(application, row) for row in by_sha.values()],
        update_conflicts=True,
        unique_fields=["application", "node_id"],
        update_fields=["name", "url", "requested_at", "deployed_at", "sequence"],
    )
    made = application.deployments.filter(node_id__in=by_sha).values_list("node_id", "pk")
    crediting.link(application.repository, dict(made))


def _merge_of(application: Application, row: PullRequest) -> Deployment:
    at = row.merged_at or row.opened_at
    return Deployment(
        team_id=application.team_id,
        application=application,
        node_id=row.merge_commit_sha,
        sha=row.merge_commit_sha,
        name=f"#{row.number}",
        url=row.url,
        state="merged",
        requested_at=at,
        deployed_at=at,
        place=row.merge_commit_sha,
        # By the minute; within a minute, by time.
        sequence=int(at.timestamp()) // 60,
    )
