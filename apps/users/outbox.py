"""Outgoing mail, stored in the database until a mail server accepts it.

Code that sends mail does so in its own transaction; it never waits for a mail server, fails with it
or loses a message. Workers send what is due. A server that does not answer is retried after growing
pauses, one message at a time. Messages hold links that open accounts, so they are encrypted.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from smtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPHeloError,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import make_msgid
from django.db.models import F, Max, Min, Q
from django.utils import timezone

from apps.encryption import EncryptionKeyError, decrypt, encrypt
from apps.measures import MAIL
from apps.pauses import growing
from apps.users.models import MOST_OF_AN_ERROR, QueuedMail

LEASE = timedelta(minutes=10)
PAUSES = timedelta(minutes=1), timedelta(minutes=30)
GIVE_UP_AFTER = timedelta(days=3)  # as long as a password reset link works
TOLD_FOR = timedelta(days=7)  # how long a message that was given up is reported
# https://datatracker.ietf.org/doc/html/rfc5321#section-4.2.1
PERMANENT, CLOSING = 500, 421
# Replies that apply to every message, not to one.
ABOUT_ALL = (SMTPConnectError, SMTPHeloError, SMTPAuthenticationError, SMTPSenderRefused)
log = logging.getLogger(__name__)


class Backend(BaseEmailBackend):
    """Django's e-mail backend: stores a row for each message."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Stores the messages; returns how many."""
        messages = [each for each in email_messages if each.recipients()]
        now = timezone.now()
        QueuedMail.objects.bulk_create(
            QueuedMail(
                recipient=", ".join(each.recipients())[:254],
                message=encrypt(json.dumps(_packed(each))),
                due_at=now,
            )
            for each in messages
        )
        return len(messages)


@dataclass(frozen=True)
class State:
    """The queue of mail; `error` is the last error of the mail server or the network."""

    waiting: int
    since: datetime | None
    failed: int
    error: str
    given_up: int


def state() -> State:
    """The state of the queue."""
    rows = QueuedMail.objects.filter(given_up_at=None)
    failing = rows.filter(failures__gt=0)
    latest = failing.order_by("-failures", "-pk").first()
    return State(
        waiting=rows.count(),
        since=rows.aggregate(first=Min("created_at"))["first"],
        failed=failing.count(),
        error=latest.error if latest else "",
        given_up=QueuedMail.objects.exclude(given_up_at=None).count(),
    )


def is_held_up() -> bool:
    """Whether mail is delayed, so that people who wait for it should know."""
    return QueuedMail.objects.filter(given_up_at=None, failures__gt=0).exists()


def send_due(now: datetime) -> bool:
    """Tries to send one message; False if none is due."""
    free = Q(held_until=None) | Q(held_until__lte=now)
    due = QueuedMail.objects.filter(free, given_up_at=None, due_at__lte=now)
    # Failed messages go last, so that they do not delay others.
    row = due.order_by("failures", "due_at", "pk").first()
    if row is None:
        return False
    if QueuedMail.objects.filter(free, pk=row.pk, due_at=row.due_at).update(held_until=now + LEASE):
        _try(row, now)
    return True


def send_now(message: EmailMessage) -> None:
    """Hands the message to the mail server. Raises OSError, as all errors of smtplib are."""
    with get_connection(settings.MAIL_TRANSPORT) as server:
        server.send_messages([message])


def forget_old(now: datetime) -> None:
    """Deletes messages that were given up long ago."""
    QueuedMail.objects.filter(given_up_at__lt=now - TOLD_FOR).delete()


def encrypt_anew() -> None:
    """Encrypts queued mail again with the first key."""
    for row in QueuedMail.objects.filter(given_up_at=None):
        same = QueuedMail.objects.filter(pk=row.pk, message=row.message)
        same.update(message=encrypt(decrypt(row.message)))


def _try(row: QueuedMail, now: datetime) -> None:
    try:
        send_now(_unpacked(json.loads(decrypt(row.message))))
    except SMTPRecipientsRefused as error:
        answers = list(error.recipients.values())
        text = "; ".join(f"{code} {_text(reply)}" for code, reply in answers)
        is_final = all(code >= PERMANENT for code, _ in answers)
        _postpone(row, now, text, is_final=is_final)
    except SMTPResponseException as error:
        _postpone(row, now, f"{error.smtp_code} {_text(error.smtp_error)}")
        if isinstance(error, ABOUT_ALL) or error.smtp_code == CLOSING:
            _hold_up(now)
    except OSError as error:
        _postpone(row, now, str(error) or type(error).__name__)
        _hold_up(now)
    except EncryptionKeyError as error:
        _postpone(row, now, str(error), is_final=True)
    else:
        QueuedMail.objects.filter(pk=row.pk).delete()
        MAIL.labels("sent").inc()


def _postpone(row: QueuedMail, now: datetime, error: str, *, is_final: bool = False) -> None:
    MAIL.labels("failed").inc()
    final = is_final or now - row.created_at > GIVE_UP_AFTER
    again = "it is given up" if final else "it is tried again"
    log.warning("A message could not be sent, %s: %s", again, error)
    changes: dict[str, Any] = {
        "failures": F("failures") + 1,
        "error": error[:MOST_OF_AN_ERROR],
        "held_until": None,
        "due_at": now + growing(*PAUSES, row.failures),
    }
    if final:
        changes |= {"given_up_at": now, "message": ""}
    QueuedMail.objects.filter(pk=row.pk).update(**changes)


def _hold_up(now: datetime) -> None:
    """Delays all mail: a server that does not answer for one message does not for others."""
    waiting = QueuedMail.objects.filter(given_up_at=None)
    most = waiting.aggregate(most=Max("failures"))["most"] or 1
    until = now + growing(*PAUSES, most - 1)
    waiting.filter(due_at__lt=until, held_until=None).update(due_at=until)


def _text(reply: bytes | str) -> str:
    return reply.decode(errors="replace") if isinstance(reply, bytes) else str(reply)


def _packed(message: EmailMessage) -> dict[str, Any]:
    headers = dict(message.extra_headers)
    # The same at each attempt, so that a mail reader can detect duplicates.
    headers.setdefault("Message-ID", make_msgid(domain=settings.MAIL_DOMAIN))
    return {
        "subject": str(message.subject),
        "body": str(message.body),
        "from_email": message.from_email,
        "to": list(message.to),
        "headers": headers,
        "alternatives": [[str(part), kind] for part, kind in getattr(message, "alternatives", [])],
    }


def _unpacked(kept: dict[str, Any]) -> EmailMultiAlternatives:
    return EmailMultiAlternatives(**kept)
