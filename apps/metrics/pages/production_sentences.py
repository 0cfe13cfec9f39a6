"""Sentences of the production pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.metrics.figures.production_queries import PROVISIONAL, Delivery, Unplaced
from apps.metrics.filters.chosen import Filters
from apps.metrics.models import Application, Deployment, Production, PullRequest
from apps.metrics.pages.measures import Tile
from apps.metrics.pages.verdict import how_much
from apps.teams.templatetags.display import day, duration, instant
from apps.teams.wording import counted, listed

PERMISSIONS = {"deployments": "Deployments", "actions": "Actions", "contents": "Contents"}

BROUGHT_EARLIER = (
    "A pull request counts for the application that brought it first. One that only brings what "
    "others brought before has no lead time and no deploy time."
)


def answer(now: Delivery, days: int, links: tuple[str, str]) -> Iterator[str]:
    """How much reaches production, and how soon; `links` lead to deployments and pull requests."""
    to_deployments, to_pull_requests = links
    yield format_html(
        '<a href="{}"><strong>{}</strong> {}</a> of {} in {} days{}.',
        to_deployments,
        f"{now.deployments:,}",
        "deployment" if now.deployments == 1 else "deployments",
        counted(now.applications, "application"),
        days,
        _brought(now, to_pull_requests),
    )
    if now.lead_time.count > 1:
        yield format_html(
            "Half of the changes were in production within <strong>{}</strong> of their first "
            "commit.",
            duration(now.lead_time.median),
        )


def _brought(now: Delivery, link: str) -> str:
    if not now.pull_requests:
        return ""
    said = counted(now.pull_requests, "pull request")
    return format_html(' brought <a href="{}">{}</a>', link, said)


def changes(figures: Sequence[Tile], days: int) -> Iterator[str]:
    """Which figures changed beyond chance."""
    for figure in figures:
        if figure.verdict:
            yield format_html(
                '{}: <span class="{}">{}</span> than in the {} days before.',
                figure.label,
                figure.verdict,
                how_much(figure, ("longer", "shorter")),
                days,
            )


def provisional(filters: Filters, now: datetime) -> str:
    """That failures may still appear, if the period includes any of the last seven days."""
    if filters.period.end <= now - PROVISIONAL:
        return ""
    return (
        "The last seven days are provisional: a deployment counts as failed once something "
        "mends it."
    )


def narrowing(filters: Filters) -> str:
    """What filters of pull requests do not affect."""
    chosen = (filters.people, filters.groups, filters.bases, filters.labels, filters.sizes)
    if not any(chosen):
        return ""
    return (
        "Deployments have no author: apart from the repository, filters only affect lead time and "
        "pull requests."
    )


@dataclass(frozen=True)
class Left:
    """How many are left out of the figures, which, and where they are listed or fixed."""

    count: int
    what: str
    why: str
    link: str = ""


WHY = {
    "not_deployed": "Their repository deploys; no deployment has brought them so far.",
    "without_source": "Their deployments have no source; choose one for the repository.",
    "live_before": "It is not known when they reached production.",
    "other_branches": "They count once they are merged into the default branch and deployed.",
    "unplaced": "GitHub cannot tell what they brought, so they only count in the frequency.",
    "never": "Nothing reached production, so no figure counts them.",
}


def left_out(found: Unplaced, links: dict[str, str]) -> list[Left]:
    """What could not be placed in a period, the most important first."""
    counts = (
        ("not_deployed", found.not_deployed, "pull request merged and not deployed yet"),
        ("without_source", found.without_source, "pull request of a repository without a source"),
        ("live_before", found.live_before, "pull request in the first known deployment"),
        ("other_branches", found.other_branches, "pull request merged into another branch"),
        ("unplaced", found.deployments, "deployment that could not be placed"),
        ("never", found.failed_jobs, "deployment that never succeeded"),
    )
    return [
        Left(count, _plural(noun) if count > 1 else noun, WHY[name], links.get(name, ""))
        for name, count, noun in counts
        if count
    ]


def _plural(noun: str) -> str:
    for word in ("pull request", "deployment"):
        noun = noun.replace(word, f"{word}s", 1)
    return noun.replace("a repository", "repositories")


def source(row: Production | None) -> str:
    """The source of a repository's deployments, in a few words."""
    if row is None or not row.source:
        return "none"
    if row.source == "workflow":
        return f"runs of {row.workflow}"
    if row.source == "release" and row.tag_pattern:
        return f"releases {row.tag_pattern}"
    names = {"deployment": "GitHub deployments", "release": "releases", "merge": "merges"}
    return names[row.source]


def reason(row: Production | None, applications: Sequence[Application] = ()) -> str:
    """Why it is that source, or why there is none."""
    if row is None:
        return "GitHub has not been asked yet."
    if row.is_chosen:
        return "Chosen by an admin."
    if row.source == "deployment":
        names = listed([each.environment for each in applications], 3) or "production"
        return f"Found: deployments to {names} succeeded."
    if row.source == "release":
        return "Found: releases are published, and no deployment to production ever succeeded."
    if row.not_granted:
        return "GitHub does not give access to all possible sources."
    if row.fetched_at is None:
        return "GitHub has no deployment to production and no release so far."
    return "No deployment to production ever succeeded, and no release was published."


def being_read(reading: int, total: int) -> str:
    """That the deployments of some repositories are not all read yet."""
    among = counted(total, "repository", "repositories")
    return (
        f"Deployments are still being read for {reading:,} of {among}, so these figures are "
        "incomplete. This page updates by itself."
    )


def not_granted(permissions: Sequence[str], repositories: int) -> str:
    """Which permissions are missing, for how many repositories."""
    among = counted(repositories, "repository", "repositories")
    return f"Not granted: GitHub does not let us read {missing(permissions)} of {among}."


def missing(permissions: Sequence[str]) -> str:
    """The names of permissions as on GitHub's pages."""
    names = [PERMISSIONS.get(name, name.capitalize()) for name in permissions]
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def outcome(found: Deployment, brought: Sequence[PullRequest]) -> Iterator[str]:
    """The kind of a deployment, and what it brought."""
    if found.deployed_at is None:
        state = f", GitHub says “{found.state}”" if found.state else ""
        yield format_html(
            "Asked for {}, and never succeeded{}: nothing reached production.",
            instant(found.requested_at),
            state,
        )
        return
    yield format_html("Deployed {}.", instant(found.deployed_at))
    yield _what(found, brought)


def _what(found: Deployment, brought: Sequence[PullRequest]) -> str:
    if found.is_unplaced:
        return (
            "GitHub cannot tell where its commit is on the branch, so what it brought is not "
            "known; it only counts in the frequency."
        )
    if found.sequence is None:
        return "What it brought is still being calculated."
    if found.is_first:
        return (
            "It is the first known deployment of this application, so it is not known what was "
            "new in it."
        )
    if found.is_repeat:
        return "A repeat: the same commit was live already, so it brought nothing."
    if found.is_rollback:
        return "A rollback: it went back to an earlier commit, and brought nothing."
    if found.is_restore:
        return "A restore: forward again to a commit that had been deployed before."
    return _pull_requests(brought)


def _pull_requests(brought: Sequence[PullRequest]) -> str:
    if not brought:
        return "It brought no merged pull request."
    people = {each.author_login for each in brought}
    return format_html(
        "It brought <strong>{}</strong> by {}.",
        counted(len(brought), "pull request"),
        counted(len(people), "person", "people"),
    )


def failure(found: Deployment) -> str:
    """Whether it failed, and the evidence."""
    if found.deployed_at is None:
        return "Nothing reached production, so it is not a failed deployment."
    if found.marked_failed is not None:
        return _marked(found)
    if found.is_failed:
        return _evidence(found)
    if not found.is_judged:
        return "Repeats, rollbacks, restores and what could not be placed are not judged."
    if timezone.now() - found.deployed_at < PROVISIONAL:
        return (
            "No sign of a failure so far. This is provisional: it is less than seven days old, and "
            "a fix may still follow."
        )
    return (
        "No sign of a failure: it was not rolled back, nothing it brought was reverted within "
        "seven days, and no hotfix followed within 48 hours."
    )


def _marked(found: Deployment) -> str:
    who = found.marked_by.get_full_name() or found.marked_by.email if found.marked_by else "Someone"
    verdict = "failed" if found.marked_failed else "not failed"
    note = format_html(" “{}”", found.mark_note) if found.mark_note else ""
    when = day(found.marked_at)
    said = format_html("{} marked it as <strong>{}</strong> on {}.{}", who, verdict, when, note)
    if found.marked_failed and found.recovered_at is None:
        return format_html("{} It has not been mended yet.", said)
    return said


def _evidence(found: Deployment) -> SafeString:
    causes = {
        Deployment.Cause.ROLLBACK: "a later deployment went back to a commit before it",
        Deployment.Cause.REVERT: "a pull request that it brought was reverted within seven days",
        Deployment.Cause.HOTFIX: "a hotfix reached production within 48 hours",
    }
    return format_html(
        "It counts as <strong>failed</strong>: {}. That is a proxy; correct it below if it is "
        "wrong.",
        causes.get(Deployment.Cause(found.failed_by), "a later deployment mended it"),
    )


def badge(found: Deployment) -> tuple[str, str] | None:
    """A deployment's badge in a list, and its tone."""
    if found.deployed_at is None:
        return ("never succeeded", "")
    if found.is_failed:
        return ("failed", "bad")
    kinds: tuple[tuple[Any, str, str], ...] = (
        (found.is_rollback, "rollback", "warn"),
        (found.is_repeat, "repeat", ""),
        (found.is_restore, "restore", ""),
        (found.is_first, "first known", ""),
        (found.is_unplaced, "not placed", ""),
        (found.sequence is None, "being calculated", ""),
    )
    return next(((word, tone) for holds, word, tone in kinds if holds), None)
