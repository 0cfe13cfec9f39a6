"""Sentences of the pages of figures, in singular and plural."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.core.paginator import Paginator
from django.http import QueryDict

from apps.metrics.figures import queries
from apps.metrics.figures.behind import Asked
from apps.metrics.figures.counting import Spread
from apps.metrics.figures.flow_queries import Work
from apps.metrics.figures.person_queries import Exchange, Exchanges
from apps.metrics.figures.queries import Figures
from apps.metrics.figures.review_queries import Concentration
from apps.metrics.filters import sentences as filter_sentences
from apps.metrics.filters.chosen import Filters
from apps.metrics.filters.periods import Period
from apps.metrics.filters.viewer import Viewer
from apps.metrics.lists import explorer
from apps.metrics.lists import sentences as list_sentences
from apps.metrics.models import Digest, PullRequest
from apps.metrics.pages import sentences
from apps.teams.models import Team
from apps.users.models import User

HOUR, NOW = 3600, datetime(2026, 3, 2, 12, tzinfo=UTC)
PERIOD = Period(date(2026, 1, 5), date(2026, 2, 1), ZoneInfo("UTC"))
NONE = queries.nothing(PERIOD)
LINKS = ("/all", "/old")


def plain(text: str) -> str:
    """Without markup, and with ordinary spaces."""
    inside = [part.partition(">")[2] for part in f">{text}".split("<")]
    return "".join(inside).replace("\N{NO-BREAK SPACE}", " ")


def merged(count: int, hours: float | None = None, *, old: int = 0) -> Figures:
    spread = Spread() if hours is None else Spread(count - old, hours * HOUR)
    return replace(NONE, merged=count, old=old, spreads={**NONE.spreads, "cycle_time": spread})


def test_it_works() -> None:
    said = sentences.cycle_time(merged(1, 5), LINKS)
    assert plain(said) == "The one merged pull request took 5 h from first commit to merge."
    assert '<a href="/all">' in said


def test_the_cycle_time_of_many_is_their_median() -> None:
    assert plain(sentences.cycle_time(merged(1200, 5), LINKS)) == (
        "Half of the 1,200 merged pull requests took 5 h or less from first commit to merge."
    )


def test_what_statistics_leave_out_is_said() -> None:
    said = plain(sentences.cycle_time(merged(3, 5, old=1), LINKS))
    assert said.startswith("Half of the 3 merged pull requests (without 1 with an old commit) took")
    assert plain(sentences.cycle_time(merged(1, old=1), LINKS)) == ("1 pull request was merged.")
    assert "older than itself is left out" in plain(sentences.left_out(merged(1, old=1), "/old"))
    assert "older than themselves are left" in plain(sentences.left_out(merged(2, old=2), "/old"))


def exchanged(given: int, *, response: Spread) -> Exchanges:
    other = Exchange(2, "ben", given, given)
    return Exchanges([other], given, given, 0, 0, (), response, ())


def test_a_person_is_told_by_what_they_did() -> None:
    nothing = sentences.of_person(NONE, exchanged(0, response=Spread()), 28, "/all")
    assert plain(nothing) == "Nothing was merged in these 28 days. No review was given."
    one = exchanged(1, response=Spread(1, 2 * HOUR))
    assert plain(sentences.of_person(merged(1, 5), one, 28, "/all")) == (
        "1 pull request was merged, 5 h after its first commit. "
        "1 review was given on 1 pull request, the first within 2 h."
    )
    many = exchanged(9, response=Spread(4, 2 * HOUR))
    assert plain(sentences.of_person(merged(7, 5), many, 28, "/all")) == (
        "7 pull requests were merged, half of them within 5 h of their first commit. "
        "9 reviews were given on 9 pull requests; half of the first responses came within 2 h."
    )
    assert plain(sentences.given_to(many, "/all")) == "on 9 pull requests of 1 person"


def test_flow_says_what_is_under_way_and_what_ended() -> None:
    ended = Work(PERIOD, NOW, np.zeros(0), np.zeros(0), 2, 0)
    said = list(sentences.of_flow(1, merged(1), ended, 28, ("/wip", "/all", "/closed", "/again")))
    assert [plain(sentence) for sentence in said] == [
        "1 pull request is in progress.",
        "1 was merged and 2 abandoned in these 28 days.",
    ]
    [only] = sentences.of_flow(None, merged(30), ended, 28, ("/wip", "/all", "/closed", "/again"))
    assert plain(only) == "30 were merged and 2 abandoned in these 28 days."


def test_reviews_say_how_much_how_soon_and_by_whom() -> None:
    figures = replace(merged(200), reviewed=199)
    figures = replace(figures, spreads={**NONE.spreads, "pickup_time": Spread(9, 2 * HOUR)})
    said = sentences.of_reviews(figures, Spread(9, 3 * HOUR), Concentration(100, 4, 0.6))
    assert [plain(sentence) for sentence in said] == [
        "99.5 % of 200 merged pull requests were reviewed by a person.",
        "Half of the responses came within 3 h of being asked.",
        "Half of what was merged had its first review within 2 h of being ready.",
        "The busiest of 4 reviewers gave 60 % of all reviews.",
    ]
    one = sentences.of_reviews(NONE, Spread(1, HOUR), Concentration(1, 1, 1.0))
    assert [plain(sentence) for sentence in one] == ["The reviewer answered 1 h after being asked."]


def test_tables_say_what_is_in_them() -> None:
    page = Paginator(range(132), 100).page(2)
    assert sentences.of_people(page).startswith("132 people, 101 to 132 shown. ")
    one = Paginator([1], 100).page(1)
    assert sentences.of_repositories(one) == "1 repository, with merged pull requests; medians."


def test_a_pull_request_says_what_became_of_it() -> None:
    row = PullRequest(state="open", waiting_for="review", opened_at=NOW)
    assert plain(sentences.outcome(row, 2 * HOUR)) == (
        "Open for 2 h, waiting for a review. Durations follow with the merge."
    )
    row.state, row.closed_at = "closed", NOW
    assert plain(sentences.outcome(row, 0)).endswith(" without a merge, so it has no durations.")
    row.state, row.merged_at, row.cycle_time = "merged", NOW, HOUR
    assert plain(sentences.outcome(row, 0)).endswith(", 1 h after its first commit.")
    row.merged_by_login = "ada"
    assert " by ada, " in plain(sentences.outcome(row, 0))


def test_the_weekly_mail_begins_with_what_was_merged() -> None:
    assert sentences.merged_in_week(0, 0) == (
        "No pull request was merged, none in the week before."
    )
    assert sentences.merged_in_week(1, 5) == "1 pull request was merged, 5 in the week before."


def test_the_next_weekly_mail_is_announced() -> None:
    zone = ZoneInfo("Europe/Berlin")
    assert sentences.next_digest(None, zone) == ""
    due = sentences.next_digest(Digest(due_at=NOW), zone)
    assert due == "The next one comes on Monday, 2 March, 13:00."
    failed = Digest(due_at=NOW, failures=1)
    assert sentences.next_digest(failed, zone).endswith("it is tried again soon.")
    failed.held_until = NOW
    assert sentences.next_digest(failed, zone).endswith("it is tried again from 2 Mar, 13:00.")


def test_the_filter_bar_says_what_it_shows() -> None:
    assert filter_sentences.shown(Filters(PERIOD, bots=True)) == (
        "5 Jan 2026 to 1 Feb 2026, compared with 8 Dec 2025 to 4 Jan 2026"
    )
    chosen = Filters(PERIOD, "all", repositories=list("abcdefgh"))
    said = filter_sentences.shown(chosen)
    assert said.startswith("5 Jan 2026 to 1 Feb 2026 · only a, ")
    assert " and 3 more · " in said
    assert said.endswith("Without bots.")


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((0, 0, 0, ""), "None in use yet."),
        ((0, 0, 9, "x"), "None of 9 has “x”."),
        ((5, 8, 9, ""), "5 of 8; type to find the others."),
        ((9, 9, 9, ""), "9"),
        ((8, 8, 9, "x"), "8 of 9"),
    ],
)
def test_a_long_list_of_choices_says_how_many(counts: tuple[int, int, int, str], said: str) -> None:
    assert filter_sentences.how_many(*counts) == said


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", ", sorted by merged"),
        ("state=open&sort=-lines", " open now, whatever the range, sorted by lines"),
        ("q=cart&reviewed=no", " with “cart”, not reviewed, sorted by merged"),
        (
            "reviewed=yes&flag=revert,old",
            ", reviewed, reverts, with an old commit, sorted by merged",
        ),
        ("waiting=merge", " open now, whatever the range, waiting: merge, sorted by waiting since"),
        (
            "figure=pickup_time.3600.14400",
            ", counted in pickup with at least 1\xa0h and less than 4\xa0h, sorted by pickup",
        ),
        (
            "figure=age.28",
            " open now, whatever the range, opened at least 28\xa0d ago, sorted by opened",
        ),
    ],
)
def test_a_list_says_which_and_in_which_order(query: str, said: str) -> None:
    viewer = Viewer(Team(), User(), sees_everyone=True)
    viewer.__dict__["main_accounts"] = {}  # otherwise read from a database
    chosen = explorer.choice(QueryDict(query), viewer)
    asked = Asked(Team(), Filters(PERIOD), NOW)
    behind_it = list_sentences.of_figure(chosen.figure, asked) if chosen.figure else ""
    assert list_sentences.which(chosen, behind_it) == said
