"""The life of one generated pull request, from its first commit to its merge, or to the present."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from math import log
from random import Random

from . import actions, prose
from .actions import Deed, Draft
from .git import new_oid
from .world import Account, Commit, Label, PullRequest, Repository, Team, World

_MORNING, _EVENING = 8, 19


class TheFutureError(Exception):
    """The story continues after the present: the pull request stays as it is."""


@dataclass
class Habits:
    """How a repository works: `pace` above 1 is slow, `trend` is how much slower it was before."""

    authors: list[Account]
    reviewers: list[Account]
    teams: list[Team]
    labels: dict[str, Label]
    pace: float = 1.0
    trend: float = 1.8
    merger: Account | None = None  # a merge queue's bot
    critic: Account | None = None  # a bot that reviews everything within minutes
    rebases: float = 0.15
    drafts: float = 0.22
    unreviewed: float = 0.07


@dataclass
class Setting:
    """Shared by all stories of a world."""

    world: World
    rng: Random
    start: datetime
    now: datetime
    zones: dict[int, int]


def at_work(rng: Random, instant: datetime, hours_from_utc: int) -> datetime:
    """The time, or the next working hour in that zone; some work at odd hours."""
    if rng.random() < 0.05:
        return instant
    local = instant + timedelta(hours=hours_from_utc)
    if local.weekday() < 5 and _MORNING <= local.hour < _EVENING:
        return instant
    if local.hour >= _EVENING or local.weekday() >= 5:
        local += timedelta(days=1)
    while local.weekday() >= 5:
        local += timedelta(days=1)
    morning = local.replace(hour=_MORNING, minute=0, second=0)
    return morning + timedelta(minutes=rng.expovariate(1 / 70)) - timedelta(hours=hours_from_utc)


class Story:
    """One pull request in progress; its clock only moves forward."""

    def __init__(
        self,
        setting: Setting,
        habits: Habits,
        repository: Repository,
        opened_at: datetime,
        number: int,
    ) -> None:
        self.setting, self.habits, self.repository = setting, habits, repository
        self.rng, self.clock, self.number = setting.rng, opened_at, number
        share = (setting.now - opened_at) / (setting.now - setting.start)
        self.pace = habits.pace * (0.75 + (habits.trend - 0.75) * min(1.0, share))
        self.author: Account | None = self.rng.choice(habits.authors)
        self.is_left_lying = self.rng.random() < 0.085
        self.pull_request: PullRequest

    def live(self) -> PullRequest:
        """Opens the pull request and continues until it ends or the present is reached."""
        self.open()
        last = self.linger if self.is_left_lying else self.end
        try:
            for step in (self.become_ready, self.be_reviewed, last):
                if not self.is_left_lying or step is last or self.rng.random() < 0.45:
                    step()
        except TheFutureError:
            pass
        return self.pull_request

    def linger(self) -> None:
        """Abandoned. It is closed weeks later, or never."""
        self.pace = 1.0
        if self.rng.random() < 0.95:
            actions.close(self.later(self.author, 24 * 26, 0.6), self.pull_request)

    # Time

    def later(self, who: Account | None, median_hours: float, spread: float = 1.0) -> Deed:
        """An action after a while, in the person's working hours."""
        hours = min(self.rng.lognormvariate(log(median_hours * self.pace), spread), 24 * 50)
        instant = self.clock + timedelta(seconds=max(20, round(hours * 3600)))
        if who is not None and who.type != "Bot":
            instant = at_work(self.rng, instant, self.setting.zones.get(who.id, 0))
        instant = instant.replace(microsecond=0)
        if instant > self.setting.now:
            raise TheFutureError
        self.clock = instant
        return self.deed(who)

    def soon(self, who: Account | None) -> Deed:
        """An action within minutes."""
        self.clock += timedelta(seconds=self.rng.randint(5, 400))
        if self.clock > self.setting.now:
            raise TheFutureError
        return self.deed(who)

    def deed(self, who: Account | None) -> Deed:
        return Deed(self.setting.world, self.repository, who, self.clock)

    # Opening

    def open(self) -> None:
        title, branch, body, labels = self.subject()
        draft = Draft(
            title=title,
            head_ref=branch,
            body=body,
            commits=self.first_commits(),
            is_draft=self.rng.random() < (0.5 if self.is_left_lying else self.habits.drafts),
            number=self.number,
            labels=labels,
        )
        self.pull_request, _ = actions.open_pull_request(self.deed(self.author), draft)

    def subject(self) -> tuple[str, str, str, tuple[Label, ...]]:
        login = self.author.login if self.author else "ghost"
        title, rng, labels = prose.title(self.rng), self.rng, self.habits.labels
        branch, body = prose.branch(rng, login, title), prose.body(rng)
        chance = rng.random()
        if chance < 0.035:
            self.pace *= 0.25  # everybody hurries
        if chance < 0.02:
            return f"hotfix: {title}", branch, body, ()
        if chance < 0.035:
            return title, f"hotfix/{branch.rpartition('/')[2]}", body, (labels["hotfix"],)
        some = rng.choice(("bug", "enhancement", "documentation", "performance"))
        return title, branch, body, (labels[some],) if chance < 0.4 else ()

    def first_commits(self) -> list[Commit]:
        rng = self.rng
        count = min(1 + int(rng.expovariate(0.55)), 25)
        old = 24 * 55 if rng.random() < 0.015 else 0  # a branch that was left lying around
        hours = min(rng.lognormvariate(log(5 * self.pace), 1.2), 24 * 25) + old
        if hours < 2 and count > 1:
            hours *= 2
        begun = self.clock - timedelta(seconds=round(hours * 3600))
        span = (self.clock - begun).total_seconds()
        moments = sorted([0.0, *(rng.uniform(0, span) for _ in range(count - 1))])
        return [self.commit(begun + timedelta(seconds=int(moment))) for moment in moments]

    def commit(self, instant: datetime, size: float = 30) -> Commit:
        hours = self.setting.zones.get(self.author.id, 0) if self.author else 0
        oid = new_oid(self.repository.id, self.number, instant, self.rng.random())
        local = instant.astimezone(timezone(timedelta(hours=hours)))
        return invented_commit(self.rng, self.author, local, oid, size)

    # Review

    def become_ready(self) -> None:
        pull_request = self.pull_request
        if pull_request.is_draft:
            actions.mark_ready(self.later(self.author, 9, 1.2), pull_request)
        elif self.rng.random() < 0.03:
            actions.convert_to_draft(self.later(self.author, 1), pull_request)
            actions.mark_ready(self.later(self.author, 8), pull_request)

    def be_reviewed(self) -> None:
        self.reviewers = self.choose_reviewers()
        if self.habits.critic:  # a program has reviewed before any person does
            deed = self.soon(self.habits.critic)
            actions.submit_review(deed, self.pull_request, "COMMENTED", "Two remarks.", 2)
        if self.rng.random() < self.habits.unreviewed or not self.reviewers:
            return
        self.ask()
        rounds = self.rng.choices((0, 1, 2, 3), (50, 34, 12, 4))[0]
        for number in range(rounds):
            self.changes_requested(first=number == 0)
        self.approve(first=rounds == 0)

    def choose_reviewers(self) -> list[Account]:
        others = [account for account in self.habits.reviewers if account is not self.author]
        if not others:
            return []
        weights = [1 / (rank + 1.5) for rank in range(len(others))]  # some review more than others
        first = self.rng.choices(others, weights)[0]
        second = self.rng.choice(others)
        return [first] if second is first or self.rng.random() < 0.5 else [first, second]

    def ask(self) -> None:
        if self.rng.random() < 0.12 and self.habits.teams:
            team = self.rng.choice(self.habits.teams)
            actions.request_review(self.soon(self.author), self.pull_request, team)
        for reviewer in self.reviewers if self.rng.random() < 0.88 else ():
            actions.request_review(self.soon(self.author), self.pull_request, reviewer)
        if len(self.reviewers) > 1 and self.rng.random() < 0.08:
            dropped = self.reviewers.pop()
            actions.remove_review_request(self.soon(self.author), self.pull_request, dropped)

    def reviewing(self, who: Account, *, first: bool) -> Deed:
        return self.later(who, 1.9 if first else 1.2, 1.1 if first else 0.9)

    def changes_requested(self, *, first: bool) -> None:
        reviewer, rng = self.reviewers[0], self.rng
        actions.submit_review(
            self.reviewing(reviewer, first=first),
            self.pull_request,
            "CHANGES_REQUESTED" if rng.random() < 0.8 else "COMMENTED",
            prose.review_text(rng),
            rng.randint(1, 6),
        )
        if rng.random() < 0.4:  # a reply in a thread is an empty review of its own
            actions.submit_review(self.soon(self.author), self.pull_request, "COMMENTED", "", 1)
        self.amend()
        actions.request_review(self.soon(self.author), self.pull_request, reviewer)

    def amend(self) -> None:
        deed = self.later(self.author, 2.5, 1.1)
        if self.rng.random() < self.habits.rebases:
            actions.force_push(deed, self.pull_request, self.rebased())
        news = [self.commit(deed.at - timedelta(minutes=n * 9), 12) for n in range(2)]
        actions.push(deed, self.pull_request, news[: self.rng.randint(1, 2)][::-1])

    def rebased(self) -> list[Commit]:
        return [rewritten(commit, self.clock) for commit in self.pull_request.commits]

    def approve(self, *, first: bool) -> None:
        rng, pull_request = self.rng, self.pull_request
        if len(self.reviewers) > 1 and rng.random() < 0.5:
            deed = self.reviewing(self.reviewers[1], first=first)
            actions.submit_review(deed, pull_request, "COMMENTED", "", rng.randint(1, 3))
            first = False
        elif rng.random() < 0.3:  # a question first
            deed = self.reviewing(self.reviewers[0], first=first)
            actions.submit_review(deed, pull_request, "COMMENTED", "", 1)
            first = False
        deed = self.reviewing(self.reviewers[0], first=first)
        actions.submit_review(deed, pull_request, "APPROVED", prose.review_text(rng))
        if rng.random() < 0.03:  # pushed after the approval, which a rule then dismisses
            approval = pull_request.reviews[-1]
            self.amend()
            actions.dismiss_review(self.soon(self.author), pull_request, approval)
            deed = self.reviewing(self.reviewers[0], first=False)
            actions.submit_review(deed, pull_request, "APPROVED", "")

    # The end

    def end(self) -> None:
        chance = self.rng.random()
        if chance < 0.025:
            actions.close(self.later(self.author, 60, 1.2), self.pull_request)
            return
        if chance < 0.08:
            actions.close(self.later(self.author, 10), self.pull_request)
            actions.reopen(self.later(self.author, 20), self.pull_request)
        for _ in range(int(self.rng.expovariate(0.8))):
            actions.comment(self.soon(self.author), self.pull_request)
        self.merge()

    def merge(self) -> None:
        queue = self.habits.merger
        who = self.author if self.rng.random() < 0.85 or not self.reviewers else self.reviewers[0]
        actions.merge(self.later(queue or who, 0.5 if queue else 1.4, 1.2), self.pull_request)
        if self.reviewers and self.rng.random() < 0.02:  # too late
            deed = self.later(self.reviewers[-1], 9)
            actions.submit_review(deed, self.pull_request, "APPROVED", "Nice.")


def invented_commit(
    rng: Random, author: Account | None, instant: datetime, oid: str, size: float = 30
) -> Commit:
    """A commit of about this many lines; now and then its address belongs to no account."""
    additions = int(rng.lognormvariate(log(size), 1.25))
    known = rng.random() > 0.04
    login = author.login if author else "ghost"
    written = instant.replace(microsecond=0)
    return Commit(
        oid=oid,
        authored_at=written,
        committed_at=written,
        message=prose.commit_message(rng),
        additions=additions,
        deletions=int(additions * rng.uniform(0, 0.9)),
        changed_files=1 + int(rng.expovariate(0.35)),
        author_name=(author.name if author else None) or login,
        author_email=f"{login}@mail.example" if known else f"{login}@laptop.localdomain",
        author=author if known else None,
        committer=author if known else None,
    )


def rewritten(commit: Commit, instant: datetime) -> Commit:
    """The commit after a rebase: new SHA and commit date, the author date stays."""
    return Commit(
        **{
            **vars(commit),
            "oid": new_oid(commit.oid, instant),
            "committed_at": instant.astimezone(commit.authored_at.tzinfo),
            "parents": (),
        }
    )


StoryMaker = Callable[[Setting, Habits, Repository, datetime, int], Story]
