"""Pending review requests of open pull requests, found by few queries for all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from apps.chunks import chunks
from apps.metrics.calculations import ai_accounts, own_marks
from apps.metrics.calculations.ai_accounts import Actor
from apps.metrics.calculations.facts import EventFact, Person, ReviewFact
from apps.metrics.calculations.waiting import Request, pending_requests
from apps.metrics.filters import accounts
from apps.metrics.models import PRReview, TimelineEvent
from apps.teams.models import Team

PERSON, GROUP = "person", "group"
Key = tuple[str, int]
"""A person by main account, or a GitHub team by id, 0 if GitHub did not return it."""
Requests = Mapping[int, Sequence[Request]]
"""By the key of the pull request."""


def requests(team: Team, keys: Sequence[int], main: Mapping[int, int]) -> Requests:
    """Of pull requests with these keys; `main` has main accounts by the other ones."""
    if not keys:
        return {}
    members = accounts.group_members(team, main)
    events, reviews = _events(team, keys, main), _reviews(team, keys, main)
    return {key: list(pending_requests(events[key], reviews[key], members)) for key in keys}


def whom(request: Request) -> Key:
    """Who is asked."""
    return (GROUP, request.group or 0) if request.person is None else (PERSON, request.person)


def _events(
    team: Team, keys: Sequence[int], main: Mapping[int, int]
) -> defaultdict[int, list[EventFact]]:
    found: defaultdict[int, list[EventFact]] = defaultdict(list)
    kinds = (TimelineEvent.Kind.REVIEW_REQUESTED, TimelineEvent.Kind.REVIEW_REQUEST_REMOVED)
    names = ("kind", "at", "reviewer_github_id", "group_github_id")
    own = own_marks.accounts(team.ai_logins, team.bot_logins)
    for some in chunks(keys):
        rows = TimelineEvent.objects.for_team(team).filter(pull_request__in=some, kind__in=kinds)
        events = rows.values_list("pull_request", *names, "reviewer_type", "reviewer_login")
        for key, kind, at, account, group, type_, login in events.order_by("at", "pk"):
            is_bot = ai_accounts.is_bot(Actor(account, login, type_), own)
            person = main.get(account, account)
            found[key].append(EventFact(kind, at, person, group, type_ == "Team", is_bot))
    return found


def _reviews(
    team: Team, keys: Sequence[int], main: Mapping[int, int]
) -> defaultdict[int, list[ReviewFact]]:
    found: defaultdict[int, list[ReviewFact]] = defaultdict(list)
    own = own_marks.accounts(team.ai_logins, team.bot_logins)
    names = ("reviewer_github_id", "reviewer_login", "reviewer_type", "state", "submitted_at")
    for some in chunks(keys):
        rows = PRReview.objects.for_team(team).filter(
            pull_request__in=some, submitted_at__isnull=False
        )
        reviews = rows.values_list("pull_request", "pull_request__author_github_id", *names)
        for key, author, account, login, type_, state, at in reviews:
            person = main.get(account, account) if account else None
            is_own = person == (main.get(author, author) if author else None)
            if at and not (is_own or ai_accounts.is_bot(Actor(account, login, type_), own)):
                found[key].append(ReviewFact(Person(person, None), state or "", at))
    return found


def names(team: Team, keys: Sequence[int]) -> dict[Key, str]:
    """The names of requested reviewers who are no members, and of teams, from the requests."""
    found: dict[Key, str] = {}
    for some in chunks(keys):
        rows = TimelineEvent.objects.for_team(team).filter(pull_request__in=some)
        asked: Any = rows.filter(kind=TimelineEvent.Kind.REVIEW_REQUESTED).order_by("pk")
        for account, login, group, slug in asked.values_list(
            "reviewer_github_id", "reviewer_login", "group_github_id", "group_slug"
        ):
            found[GROUP, group or 0] = slug
            found[PERSON, account or 0] = login or ""
    return found
