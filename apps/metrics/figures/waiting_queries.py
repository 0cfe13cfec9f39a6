"""What waits now, for whom, and what has waited longer than usual for this team."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from apps.metrics.calculations import ai_accounts, own_marks
from apps.metrics.calculations.ai_accounts import Actor
from apps.metrics.calculations.waiting import (
    AUTHOR,
    DRAFT,
    MERGE,
    NOBODY,
    REVIEW,
    Request,
)
from apps.metrics.figures import masks, names, pending
from apps.metrics.figures.arrays import LAST_MERGES, Array
from apps.metrics.figures.columns import NONE, WAITING
from apps.metrics.figures.current import current, once
from apps.metrics.figures.freshness import untracked
from apps.metrics.figures.pending import GROUP, PERSON, Key, Requests
from apps.metrics.figures.rows import Rows, fetched
from apps.metrics.filters import accounts
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.periods import Period
from apps.metrics.models import Group, PullRequest, TeamMember
from apps.teams.models import Team
from apps.teams.zones import zone_of

KINDS = (REVIEW, AUTHOR, MERGE, NOBODY, DRAFT)
USUAL_DAYS, FEWEST, ELSE = 90, 20, 3 * 86400
MOST = 10
OF_A_QUEUE = (
    *("number", "title", "state", "waiting_for", "waiting_since", "opened_at", "reviewer_count"),
    *("is_bot", "ai", "repository__full_name", "author_person", "author_github_id"),
    *("author_login", "author__github_username", "initiator_person", "initiator_github_id"),
    *("initiator_login", "initiator__github_username"),
)
"""What is shown of a pull request in a queue: thousands may wait."""


@dataclass(frozen=True)
class Waiting:
    """Open pull requests that wait for the same thing: how many, and the longest waits."""

    waiting_for: str
    count: int
    oldest: Sequence[PullRequest]


@dataclass(frozen=True)
class Whom:
    """A person, by their main account, or a GitHub team, by its id."""

    name: str
    account: int | None = None
    group: int | None = None
    since: datetime | None = None


@dataclass(frozen=True)
class Wait:
    """An open pull request, whom it waits for, and since when; `usual` is in seconds."""

    pull_request: PullRequest
    since: datetime
    whom: Sequence[Whom] = ()
    usual: float = 0

    @property
    def waiting_for(self) -> str:
        """As stored in its row."""
        return self.pull_request.waiting_for


def open_now(team: Team, filters: Filters) -> Rows:
    """Open pull requests of the repositories that are still tracked, whatever the period."""
    rows = masks.in_state(team, filters, PullRequest.State.OPEN, filters.period)
    stopped = list(untracked(team))
    return rows.keep(lambda part: ~np.isin(part["repository_id"], stopped)) if stopped else rows


def since(rows: Rows) -> Array:
    """Since when each waits; rows stored before that was known count from their opening."""
    return np.where(rows["waiting_since"] == NONE, rows["opened_at"], rows["waiting_since"])


def waiting(team: Team, filters: Filters, oldest: int = 5) -> list[Waiting]:
    """Open pull requests now by what they wait for, each with the longest waits first."""
    rows = open_now(team, filters)
    groups = {name: rows.where("waiting_for", WAITING.index(name)) for name in KINDS}
    keys = {
        name: found.first(oldest, since(found), found["id"])
        for name, found in groups.items()
        if len(found)
    }
    of_all = {row.pk: row for row in fetched([key for some in keys.values() for key in some])}
    return [
        Waiting(name, len(groups[name]), [of_all[key] for key in some if key in of_all])
        for name, some in keys.items()
    ]


def this_week(team: Team, filters: Filters, now: datetime) -> tuple[list[Wait], int]:
    """At most ten that wait longer than usual, the largest ratio first, and how many there are."""
    limits = usual(team, now)
    rows = longer_than_usual(team, filters, now, limits)
    found = fetched(rows.first(MOST, -_ratios(rows, limits, now), rows["id"]))
    return waits(team, found, limits), len(rows)


def longer_than_usual(
    team: Team, filters: Filters, now: datetime, limits: Mapping[str, float] | None = None
) -> Rows:
    """Open, ready pull requests that wait longer than such waits usually take here."""
    limits = usual(team, now) if limits is None else limits
    rows = open_now(team, filters)
    rows = rows.keep(lambda part: part["waiting_for"] != WAITING.index(DRAFT))
    return rows.among(rows["id"][_ratios(rows, limits, now) > 1])


def _ratios(rows: Rows, limits: Mapping[str, float], now: datetime) -> Array:
    """Each wait's age divided by what is usual for it."""
    usual_of = np.array([limits.get(name, ELSE) for name in WAITING])[rows["waiting_for"]]
    ratios: Array = (now.timestamp() - since(rows)) / usual_of
    return ratios


def usual(team: Team, now: datetime) -> dict[str, float]:
    """By what is waited for, the 75th percentile of the last 90 days in seconds, if meaningful."""
    zone = zone_of(team.timezone)
    today = now.astimezone(zone).date()
    period = Period(today - timedelta(days=USUAL_DAYS - 1), today, zone)
    filters = Filters(period=period)
    merged = masks.merged(team, filters, period)
    reviews = masks.pull_requests(team, filters).below("reviews", *masks.ends(period))
    values = {
        REVIEW: reviews["response_time"],
        AUTHOR: reviews["answer_time"],
        MERGE: merged["merge_time"][merged["reviewer_count"] > 0],
        NOBODY: merged["pickup_time"],
    }
    limits = {name: _usual(each[each != NONE]) for name, each in values.items()}
    return {name: limit for name, limit in limits.items() if limit}


def _usual(values: Array) -> float:
    return float(np.percentile(values, 75)) if len(values) >= FEWEST else 0


def waits(
    team: Team,
    rows: Sequence[PullRequest],
    limits: Mapping[str, float] | None = None,
    requests: Requests | None = None,
) -> list[Wait]:
    """For whom each of some open pull requests waits; with pending requests if they are known."""
    whom = _Whom(team, rows, requests)
    return [
        Wait(
            row,
            row.waiting_since or row.opened_at,
            whom.waited_for(row),
            (limits or {}).get(row.waiting_for, ELSE),
        )
        for row in rows
    ]


@dataclass
class Queue:
    """What waits for a person or a GitHub team, and what of theirs waits.

    `unasked` are their pull requests without any review request.
    """

    whom: Whom
    reviews: list[Wait] = field(default_factory=list)
    own: list[Wait] = field(default_factory=list)
    theirs: list[Wait] = field(default_factory=list)
    unasked: list[Wait] = field(default_factory=list)

    @property
    def changes(self) -> list[Wait]:
        """Their own pull requests with requested changes."""
        return [wait for wait in self.own if wait.waiting_for == AUTHOR]

    @property
    def merges(self) -> list[Wait]:
        """Those that they can merge."""
        return [wait for wait in self.own if wait.waiting_for == MERGE]

    @property
    def longest(self) -> datetime | None:
        """Since when the oldest one waits."""
        own = (wait.since for wait in self.own)
        asked = (_asked_since(wait, self.whom) for wait in self.reviews)
        return min([*own, *asked], default=None)

    @property
    def count(self) -> int:
        """How many wait for them."""
        return len(self.reviews) + len(self.own)


def _asked_since(wait: Wait, whom: Whom) -> datetime:
    mine = (
        each.since
        for each in wait.whom
        if (each.account, each.group) == (whom.account, whom.group) and each.since
    )
    return max(wait.since, min(mine, default=wait.since))


def queues(team: Team, filters: Filters) -> dict[Key, Queue]:
    """By person, as (`person`, main account), or GitHub team, as (`group`, id)."""
    return _queues(team, _ready(team, filters))


def queue_of(team: Team, key: Key, filters: Filters) -> Queue:
    """That of one of them; `filters` must include everyone's work."""
    rows, main = _ready(team, filters), _main_accounts(team)
    asked = rows.where("waiting_for", WAITING.index(REVIEW))["id"].tolist()
    requests = pending.requests(team, asked, main)
    mine = [row for row, found in requests.items() if key in map(pending.whom, found)]
    if key[0] == PERSON:
        # Fewer are fetched: their own, and those that they may merge.
        mergers = _mergers(team, set(rows["repository_id"].tolist()), main)
        merges = [repository for repository, by in mergers.items() if by == key[1]]
        to_merge = rows["waiting_for"] == WAITING.index(MERGE)
        to_merge &= np.isin(rows["repository_id"], merges)
        mine += rows["id"][to_merge | (rows["author_account"] == key[1])].tolist()
    found = _queues(team, rows.among(np.array(mine, np.int64)), requests)
    return found.get(key, Queue(Whom("")))


def _ready(team: Team, filters: Filters) -> Rows:
    rows = open_now(team, filters)
    return rows.keep(lambda part: part["waiting_for"] != WAITING.index(DRAFT))


def _queues(team: Team, rows: Rows, requests: Requests | None = None) -> dict[Key, Queue]:
    keys = rows.first(len(rows), since(rows), rows["id"])
    found: dict[Key, Queue] = {}

    def queue(whom: Whom) -> Queue:
        key = (GROUP, whom.group or 0) if whom.account is None else (PERSON, whom.account)
        return found.setdefault(key, Queue(whom))

    for wait in waits(team, fetched(keys, *OF_A_QUEUE), requests=requests):
        for whom in wait.whom:
            kept = queue(whom).reviews if wait.waiting_for == REVIEW else queue(whom).own
            kept.append(wait)
        account = wait.pull_request.counted_account
        is_for_its_author = any(whom.account == account for whom in wait.whom)
        if account is not None and not is_for_its_author:
            of_author = queue(Whom(wait.pull_request.counted_login, account))
            kept = of_author.unasked if wait.waiting_for == NOBODY else of_author.theirs
            kept.append(wait)
    return found


class _Whom:
    """Finds for whom pull requests wait, with a few queries for all of them."""

    def __init__(self, team: Team, rows: Sequence[PullRequest], requests: Requests | None) -> None:
        self.team = team
        self.main = _main_accounts(team)
        asked = [row for row in rows if row.waiting_for == REVIEW]
        self.requests = requests or {}
        if requests is None and asked:
            self.requests = pending.requests(team, [row.pk for row in asked], self.main)
        repositories = {row.repository_id for row in rows if row.waiting_for == MERGE}
        self.mergers = _mergers(team, repositories, self.main) if repositories else {}
        people = {
            each.person for row in asked for each in self.requests.get(row.pk, ()) if each.person
        }
        members = TeamMember.objects.for_team(team)
        found = members.filter(github_id__in={*people, *self.mergers.values()})
        self.members = {each.github_id: each for each in found}
        outside = {*self.mergers.values()} - self.members.keys()
        self.outside = _outside_mergers(team, repositories, outside) if outside else {}
        groups = list(Group.objects.for_team(team)) if asked else []
        called = names.of_teams(groups)
        self.groups = {group.github_id: called[group.pk] for group in groups}
        self.called = pending.names(team, [row.pk for row in asked]) if asked else {}

    def waited_for(self, row: PullRequest) -> list[Whom]:
        """For one of them."""
        if row.waiting_for == REVIEW:
            return [self._asked(each) for each in self.requests.get(row.pk, ())]
        account = row.counted_account
        if row.waiting_for == MERGE:
            merger = self._merger(self.mergers.get(row.repository_id, 0))
            if merger and merger.account != account:
                return [merger]
        if row.waiting_for not in (MERGE, AUTHOR) or account is None:
            return []
        # An agent's work waits for its initiator.
        if row.is_bot and not row.is_agents:
            return []
        return [Whom(row.counted_login, account)]

    def _merger(self, account: int) -> Whom | None:
        """The person with this account; None for a bot."""
        member = self.members.get(account)
        if member is None:
            return self.outside.get(account)
        return None if member.is_bot else Whom(member.github_username, account)

    def _asked(self, request: Request) -> Whom:
        if request.person is None:
            slug = self.called.get((GROUP, request.group or 0), "")
            name = self.groups.get(request.group or 0) or slug or "a team"
            return Whom(name, None, request.group, request.since)
        member = self.members.get(request.person)
        name = member.github_username if member else self.called.get((PERSON, request.person), "")
        return Whom(name, request.person, None, request.since)


def _mergers(team: Team, repositories: Iterable[int], main: Mapping[int, int]) -> dict[int, int]:
    """Who merged the last five pull requests of each repository, if it was one account."""
    rows = Rows.last_merges(current(team).parts).where("state", masks.MERGED)
    rows = rows.where("repository_id", *repositories)
    order = np.lexsort((rows["id"], -rows["merged_at"]))
    merges = (rows[name][order].tolist() for name in ("repository_id", "merged_by"))
    last: defaultdict[int, list[int]] = defaultdict(list)
    for repository, account in zip(*merges, strict=True):
        last[repository].append(main.get(account, account))
    found = {repository: by[:LAST_MERGES] for repository, by in last.items()}
    return {
        repository: by[0]
        for repository, by in found.items()
        if len(by) == LAST_MERGES and len(set(by)) == 1 and NONE not in by
    }


def _main_accounts(team: Team) -> dict[int, int]:
    return once(("main accounts", team.pk), lambda: accounts.main_accounts(team))


def _outside_mergers(
    team: Team, repositories: Iterable[int], accounts: Iterable[int]
) -> dict[int, Whom]:
    """People who merge and are no members, named as in what they merged."""
    own = own_marks.accounts(team.ai_logins, team.bot_logins)
    rows = PullRequest.objects.for_team(team).filter(
        repository__in=list(repositories), merged_by_github_id__in=list(accounts)
    )
    names = ("merged_by_github_id", "merged_by_login", "merged_by_type")
    mergers = rows.order_by().values_list(*names).distinct()
    return {
        account: Whom(login or "", account)
        for account, login, type_ in mergers
        if account and not ai_accounts.is_bot(Actor(account, login, type_), own)
    }


def age(wait: Wait, now: datetime | None = None) -> float:
    """How long it has waited, in seconds."""
    return ((now or datetime.now(UTC)) - wait.since).total_seconds()
