"""Sends each digest once a week, with any number of workers.

A worker claims a digest by a conditional update that only one can win, sends it, and moves it to
the next Monday. A failing mail is retried later and delays no other; if a worker dies, the next one
sends its mail. The Message-ID names the week, so that a mail server or reader can detect a
duplicate.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import urlsplit

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.db.models import Q
from django.template.loader import render_to_string
from django.urls import reverse

from apps.metrics.models import Digest
from apps.metrics.pages.digest import WeeklyDigest, weekly_digest
from apps.pauses import growing
from apps.teams.membership import may_open
from apps.teams.models import Membership, Team
from apps.teams.zones import zone_of
from apps.users.models import User

HOUR = time(7)  # Monday morning, in the team's time zone
LEASE = timedelta(minutes=10)
PAUSES = timedelta(minutes=5), timedelta(hours=6)
SALT = "digest"
log = logging.getLogger(__name__)


def next_monday(team: Team, now: datetime) -> datetime:
    """The next Monday morning in the team's time zone."""
    zone = zone_of(team.timezone)
    today = now.astimezone(zone).date()
    monday = today - timedelta(days=today.weekday())
    instants = (
        datetime.combine(monday + timedelta(days=days), HOUR, zone).astimezone(UTC)
        for days in (0, 7)
    )
    return next(instant for instant in instants if instant > now)


def switch_on(membership: Membership, now: datetime) -> Digest:
    """Switches it on, from the next Monday."""
    digest, _ = Digest.objects.get_or_create(
        membership=membership,
        defaults={"team": membership.team, "due_at": next_monday(membership.team, now)},
    )
    return digest


def can_receive(user: User) -> bool:
    """Whether the user's address is known to be theirs: other addresses get no mail."""
    found = EmailAddress.objects.filter(user=user, email__iexact=user.email, verified=True)
    return bool(found.exists())


def follow_zone(team: Team, changed: set[str], **_: Any) -> None:
    """Moves due times to the Monday morning of the team's new time zone."""
    if "timezone" in changed:
        due_at = next_monday(team, datetime.now(UTC))
        Digest.objects.for_team(team).filter(due_at__gt=datetime.now(UTC)).update(due_at=due_at)


def send_due(now: datetime) -> bool:
    """Sends one that is due; False if none is."""
    free = Q(held_until=None) | Q(held_until__lte=now)
    digest = Digest.objects.filter(free, due_at__lte=now).order_by("due_at", "pk").first()
    if digest is None:
        return False
    mine = Digest.objects.filter(free, pk=digest.pk, due_at=digest.due_at)
    if mine.update(held_until=now + LEASE):
        _deliver(digest, now)
    return True


def _deliver(digest: Digest, now: datetime) -> None:
    user = digest.membership.user
    try:
        if user.is_active and can_receive(user) and may_open(digest.team, user):
            message(digest, weekly_digest(digest.team, now)).send()
            digest.sent_at = now
    except Exception:
        # A failure of this one must not delay the others.
        log.exception("The digest %s could not be sent and is tried again later.", digest.pk)
        until = now + growing(*PAUSES, digest.failures)
        Digest.objects.filter(pk=digest.pk).update(held_until=until, failures=digest.failures + 1)
    else:
        Digest.objects.filter(pk=digest.pk).update(
            due_at=next_monday(digest.team, now),
            held_until=None,
            failures=0,
            sent_at=digest.sent_at,
        )


def message(digest: Digest, weekly: WeeklyDigest) -> EmailMultiAlternatives:
    """The mail, as plain text and as simple HTML without pictures."""
    off = settings.PUBLIC_URL + reverse("digest_off", args=[token(digest)])
    host = urlsplit(settings.PUBLIC_URL).hostname
    context = {
        "digest": weekly,
        "team": weekly.team,
        "root": settings.PUBLIC_URL,
        "settings_address": settings.PUBLIC_URL + reverse("digest", args=[weekly.team.slug]),
        "off": off,
    }
    mail = EmailMultiAlternatives(
        weekly.subject,
        render_to_string("metrics/email/digest.txt", context),
        to=[digest.membership.user.email],
        headers={
            "List-Unsubscribe": f"<{off}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Message-ID": f"<digest-{digest.pk}-{weekly.week.first:%G-W%V}@{host}>",
        },
    )
    mail.attach_alternative(render_to_string("metrics/email/digest.html", context), "text/html")
    return mail


def token(digest: Digest) -> str:
    """A token that can only switch this digest off."""
    return signing.dumps(digest.pk, salt=SALT)


def of_token(text: str) -> Digest | None:
    """The digest that a link switches off; None if it is off already. Raises BadSignature."""
    found: Digest | None = (
        Digest.objects.select_related("team", "membership__user")
        .filter(pk=signing.loads(text, salt=SALT))
        .first()
    )
    return found
