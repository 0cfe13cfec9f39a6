"""Filters that every template has without `{% load %}`: durations, instants, names."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.audit.words import words

register = template.Library()

MINUTE, HOUR, DAY = 60, 3600, 86400
TINTS = 8  # as in components.css
# The order matters: a browser's user agent also names those after it.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
NOTHING = SafeString('<span class="nothing" title="No data">–</span>')


def duration_text(seconds: float) -> str:
    """Seconds in words, rounded, in at most two units: `2 d 4 h`, `35 min`, `40 s`."""
    seconds_rounded = round(abs(seconds))
    if seconds_rounded < MINUTE:
        return f"{seconds_rounded} s"
    if (minutes := _rounded(seconds_rounded, MINUTE)) < DAY:
        return _two_units(minutes, HOUR, "h", MINUTE, "min")
    if (hours := _rounded(seconds_rounded, HOUR)) < 14 * DAY:
        return _two_units(hours, DAY, "d", HOUR, "h")
    return f"{_rounded(seconds_rounded, DAY) // DAY} d"


@register.filter
def unbroken(text: str) -> str:
    """The text with non-breaking spaces, so that a figure stays with its unit."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def duration_exact(seconds: float) -> str:
    """Seconds in all their units: `2 d 4 h 13 min 5 s`."""
    rest, words = round(abs(seconds)), []
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        if count:
            words.append(f"{count} {unit}")
    return " ".join(words) or "0 s"


def instant_text(instant: datetime, now: datetime) -> str:
    """`3 h ago`, `in 5 min`, or a date where that is more than 30 days away."""
    seconds = (now - instant).total_seconds()
    if abs(seconds) > 30 * DAY:
        return f"{timezone.localtime(instant):%-d %b %Y}"
    if abs(seconds) < 10:
        return "just now"
    size = next((unit for unit in (DAY, HOUR, MINUTE) if abs(seconds) >= unit), 1)
    # Rounded as durations are: what took 19 days was 19 days ago.
    text = duration_text(_rounded(round(abs(seconds)), size))
    return f"{text} ago" if seconds > 0 else f"in {text}"


@register.filter
def duration(seconds: float | str | None) -> SafeString:
    """Rounded duration, exact on hover; a dash for no data."""
    if seconds is None or isinstance(seconds, str):
        return NOTHING
    exact, text = duration_exact(seconds), duration_text(seconds)
    return format_html('<span class="duration" title="{}">{}</span>', exact, text)


@register.filter
def instant(value: datetime | None) -> SafeString:
    """Relative time, exact in UTC on hover; a dash for none."""
    if not value:
        return NOTHING
    return _time(value, instant_text(value, timezone.now()))


@register.filter
def day(value: datetime | None) -> SafeString:
    """The date, exact in UTC on hover; a dash for none."""
    return _time(value, f"{timezone.localtime(value):%-d %b %Y}") if value else NOTHING


@register.filter
def initials(name: object) -> str:
    """One or two initials of a person or an account, in place of a picture."""
    words = str(name).replace("-", " ").replace("_", " ").split()
    letters = [word[0] for word in words if word[0].isalnum()]
    return "".join(letters[:1] + letters[1:][-1:])


@register.simple_tag
def avatar(name: object) -> SafeString:
    """Initials on a colour derived from the name; no picture is loaded from another server."""
    tint = crc32(str(name).lower().encode()) % TINTS
    mark = '<span class="avatar tint-{}" aria-hidden="true">{}</span>'
    return format_html(mark, tint, initials(name))


@register.filter
def told_apart(team: Any, others: Iterable[Any]) -> str:
    """A team's name, with its slug if another team has the same name."""
    alike = [other for other in others if other.name.casefold() == team.name.casefold()]
    return f"{team.name} ({team.slug})" if len(alike) > 1 else team.name


@register.filter
def action_words(action: str) -> str:
    """What an action of the audit log is called."""
    return words(action)


@register.filter
def browser(user_agent: str) -> str:
    """Browser and system, as far as the user agent names them."""
    name = next((name for mark, name in BROWSERS if mark in user_agent), "Another program")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    return f"{name} on {system}" if system else name


def _rounded(seconds: int, unit: int) -> int:
    """Rounds to whole minutes, hours or days, half up, as `charts.js` does."""
    return (seconds + unit // 2) // unit * unit


def _two_units(seconds: int, large: int, unit: str, small: int, part: str) -> str:
    counts = ((seconds // large, unit), (seconds % large // small, part))
    return " ".join(f"{count} {name}" for count, name in counts if count)


def _time(value: datetime, text: str) -> SafeString:
    utc = value.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        f"{utc:%Y-%m-%dT%H:%M:%SZ}",
        f"{utc:%Y-%m-%d %H:%M:%S} UTC",
        text,
    )
