"""Sentences of the pages of figures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

from django.core.paginator import Page
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.metrics.calculations.waiting import NOBODY
from apps.metrics.figures.counting import Spread
from apps.metrics.figures.flow_queries import Work
from apps.metrics.figures.person_queries import Exchanges
from apps.metrics.figures.queries import Figures
from apps.metrics.figures.review_queries import Concentration
from apps.metrics.figures.waiting_queries import Wait
from apps.metrics.models import Digest, PullRequest, TimelineEvent
from apps.metrics.pages.charts import STAGE_NAMES
from apps.metrics.pages.timeline import stages_so_far
from apps.metrics.pages.week import why_here
from apps.teams.templatetags.display import duration, instant, unbroken
from apps.teams.wording import caption, counted

FlowLinks = tuple[str, str, str, str]
WAITING = {
    "review": ("For a reviewer", "waiting for a review"),
    "author": ("For the author", "waiting for its author"),
    "merge": ("Approved, not merged", "approved but not merged"),
    "draft": ("Drafts", "a draft"),
    "": ("No review requested", "with no review requested now"),
}


def waits_for(waiting_for: str) -> str:
    """The name of a group of open pull requests."""
    return WAITING[waiting_for][0]


def cycle_time(now: Figures, links: tuple[str, str]) -> str:
    """How long the merged ones took.

    `links` lead to their list, and to that of those with an old commit.
    """
    spread = now.spreads["cycle_time"]
    if not spread.count:
        merged = counted(now.merged, "pull request")
        were = "was" if now.merged == 1 else "were"
        return format_html('<a href="{}">{}</a> {} merged.', links[0], merged, were)
    took = duration(spread.median)
    if now.merged == 1:
        return format_html(
            'The <a href="{}">one merged pull request</a> took <strong>{}</strong> from first '
            "commit to merge.",
            links[0],
            took,
        )
    return format_html(
        'Half of the <a href="{}">{} merged pull requests</a>{} took <strong>{}</strong> or less '
        "from first commit to merge.",
        links[0],
        f"{now.merged:,}",
        _without_old(now, links[1]),
        took,
    )


def _without_old(now: Figures, link: str) -> str:
    if not now.old:
        return ""
    old = f"{now.old:,}"
    return format_html(' (without <a href="{}">{}</a> with an old commit)', link, old)


def left_out(now: Figures, link: str) -> str:
    """Which pull requests the statistics leave out, because of an old commit."""
    them, are = ("itself", "is") if now.old == 1 else ("themselves", "are")
    return format_html(
        '<a href="{}">{}</a> with a commit more than 30 days older than {} {} left out of coding '
        "time, cycle time and the means.",
        link,
        counted(now.old, "pull request"),
        them,
        are,
    )


def of_person(now: Figures, exchanged: Exchanges, days: int, link: str) -> str:
    """What a person merged and reviewed."""
    return format_html("{} {}", _merged(now, days, link), _given(exchanged))


def _merged(now: Figures, days: int, link: str) -> str:
    if not now.merged:
        return f"Nothing was merged in these {days} days."
    return format_html(
        '<a href="{}"><strong>{}</strong> pull {}</a> {} merged{}.',
        link,
        f"{now.merged:,}",
        "request" if now.merged == 1 else "requests",
        "was" if now.merged == 1 else "were",
        _within(now.spreads["cycle_time"]),
    )


def _within(spread: Spread) -> str:
    if not spread.count:
        return ""
    took = duration(spread.median)
    if spread.count == 1:
        return format_html(", <strong>{}</strong> after its first commit", took)
    return format_html(", half of them within <strong>{}</strong> of their first commit", took)


def _given(exchanged: Exchanges) -> str:
    if not exchanged.given:
        return "No review was given."
    response = exchanged.response
    when: str = ""
    if response.count == 1:
        when = format_html(", the first within <strong>{}</strong>", duration(response.median))
    elif response.count:
        when = format_html(
            "; half of the first responses came within <strong>{}</strong>",
            duration(response.median),
        )
    return format_html(
        "<strong>{}</strong> {} given on {}{}.",
        f"{exchanged.given:,}",
        "review was" if exchanged.given == 1 else "reviews were",
        counted(exchanged.given_on, "pull request"),
        when,
    )


def given_to(exchanged: Exchanges, link: str) -> str:
    """On how many pull requests of how many people a person gave reviews."""
    people = counted(exchanged.authors, "person", "people")
    return format_html("{} of {}", reviewed_on(exchanged.given_on, link), people)


def received_from(exchanged: Exchanges, link: str) -> str:
    """On how many of their own, and by how many people."""
    people = counted(exchanged.reviewers, "person", "people")
    return format_html("{} from {}", reviewed_on(exchanged.received_on, link), people)


def reviewed_on(count: int, link: str) -> str:
    """How many pull requests reviews were given on."""
    if not count:
        return "on no pull request"
    return format_html('on <a href="{}">{}</a>', link, counted(count, "pull request"))


def of_flow(
    under_way: int | None, figures: Figures, ended: Work, days: int, links: FlowLinks
) -> Iterator[str]:
    """What is in progress, was merged, abandoned, and reopened; each with a link to its list."""
    wip, merged, closed, reopened = links
    if under_way is not None:
        yield format_html(
            '<a href="{}"><strong>{}</strong> {}</a> {} in progress.',
            wip,
            f"{under_way:,}",
            *(("pull request", "is") if under_way == 1 else ("pull requests", "are")),
        )
    again: str = ""
    if ended.reopened:
        were = "was" if ended.reopened == 1 else "were"
        count = f"{ended.reopened:,}"
        again = format_html('; <a href="{}">{}</a> {} reopened', reopened, count, were)
    yield format_html(
        '<a href="{}">{}</a> {} merged and <a href="{}">{}</a> abandoned in these {} days{}.',
        merged,
        f"{figures.merged:,}",
        "was" if figures.merged == 1 else "were",
        closed,
        f"{ended.abandoned:,}",
        days,
        again,
    )


def of_reviews(figures: Figures, response: Spread, concentration: Concentration) -> Iterator[str]:
    """How much is reviewed, how soon, and how much of it by one person."""
    if figures.merged and figures.coverage is not None:
        yield format_html(
            "<strong>{}</strong> of {} reviewed by a person.",
            _percent(figures.coverage),
            counted(figures.merged, "merged pull request was", "merged pull requests were"),
        )
    if response.count == 1:
        yield format_html(
            "The reviewer answered <strong>{}</strong> after being asked.", _time(response)
        )
    elif response.count:
        yield format_html(
            "Half of the responses came within <strong>{}</strong> of being asked.",
            _time(response),
        )
    pickup = figures.spreads["pickup_time"]
    if pickup.count > 1:
        yield format_html(
            "Half of what was merged had its first review within <strong>{}</strong> of being "
            "ready.",
            _time(pickup),
        )
    if concentration.share is not None and concentration.reviewers > 1:
        share = _percent(concentration.share)
        yield f"The busiest of {concentration.reviewers:,} reviewers gave {share} of all reviews."


def _time(spread: Spread) -> SafeString:
    return duration(spread.median)


def _percent(share: float) -> str:
    """Never rounded up to 100 %."""
    decimals = 0 if share in (0, 1) or 0.1 <= share < 0.995 else 1
    return unbroken(f"{min(share * 100, 100 if share == 1 else 99.9):.{decimals}f} %")


def of_people(page: Page[Any]) -> str:
    """The caption of a table of people."""
    shown = caption(page, "person", "people")
    return (
        f"{shown}. Figures of their own merged pull requests; medians. Deleted accounts are left "
        "out. No figure here measures a person."
    )


def of_repositories(page: Page[Any]) -> str:
    """The caption of a table of repositories."""
    shown = caption(page, "repository", "repositories")
    return f"{shown}, with merged pull requests; medians."


def of_teams(page: Page[Any]) -> str:
    """The caption of a table of teams."""
    shown = caption(page, "team")
    return f"{shown}; medians. A person in several teams counts in each of them."


def outcome(pull_request: PullRequest, age: float, wait: Wait | None = None) -> str:
    """The outcome of a pull request, or whom it waits for."""
    if pull_request.merged_at:
        who = pull_request.merged_by_login
        return format_html(
            "Merged {}{}, <strong>{}</strong> after its first commit.",
            instant(pull_request.merged_at),
            f" by {who}" if who else "",
            duration(pull_request.cycle_time),
        )
    if pull_request.state == PullRequest.State.CLOSED:
        when = instant(pull_request.closed_at)
        return format_html("Closed {} without a merge, so it has no durations.", when)
    if wait and wait.whom:
        return format_html(
            "Open for <strong>{}</strong>. Waiting for {}: {}. Durations follow with the merge.",
            duration(age),
            duration((timezone.now() - wait.since).total_seconds()),
            why_here(wait),
        )
    return format_html(
        "Open for <strong>{}</strong>, {}. Durations follow with the merge.",
        duration(age),
        _for_nobody(pull_request),
    )


def _for_nobody(pull_request: PullRequest) -> str:
    """Why a pull request waits for nobody in particular."""
    words = WAITING[pull_request.waiting_for][1]
    if pull_request.waiting_for != NOBODY or _was_asked(pull_request):
        return words
    return words.removesuffix(" now")


def _was_asked(pull_request: PullRequest) -> bool:
    """Whether a review was ever requested; all requests are answered or withdrawn."""
    asked = TimelineEvent.Kind.REVIEW_REQUESTED
    return pull_request.timeline.filter(kind=asked).exists()


def so_far(pull_request: PullRequest, now: datetime) -> str:
    """How long the stages of an open one have lasted."""
    if pull_request.state != PullRequest.State.OPEN:
        return ""
    times = stages_so_far(pull_request, now)
    named = ((STAGE_NAMES[field].lower(), duration(seconds)) for field, seconds in times.items())
    return format_html("So far: {}.", format_html_join(", ", "{} {}", named))


def merged_in_week(merged: int, before: int) -> str:
    """The first sentence of the weekly mail."""
    what = (
        counted(merged, "pull request was", "pull requests were")
        if merged
        else ("No pull request was")
    )
    return f"{what} merged, {f'{before:,}' if before else 'none'} in the week before."


def next_digest(digest: Digest | None, zone: tzinfo) -> str:
    """When the next weekly mail comes, or when a failed one is retried."""
    if digest is None:
        return ""
    if not digest.failures:
        return f"The next one comes on {digest.due_at.astimezone(zone):%A, %-d %B, %H:%M}."
    when = (
        f"from {digest.held_until.astimezone(zone):%-d %b, %H:%M}" if digest.held_until else "soon"
    )
    return f"The last one could not be sent; it is tried again {when}."
