"""What `tformance doctor` says about mail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from tformance.findings import NOTE, OK, PROBLEM, Finding

if TYPE_CHECKING:
    from apps.users.outbox import State

CHECK = "Check EMAIL_URL and EMAIL_FROM; `tformance doctor --mail ADDRESS` tries them."


def findings(address: str | None) -> Iterator[Finding]:
    """Whether mail is sent, and what waits; sends a test mail to `address` if given."""
    from django.db import DatabaseError

    from apps.users import outbox
    from apps.users.mail import sends_mail

    if not sends_mail():
        state = PROBLEM if address else NOTE
        yield Finding(state, "mail", "is not sent; messages are in the log", "Set EMAIL_URL.")
        return
    with suppress(DatabaseError):  # reported already
        yield from _queue(outbox.state())
    if address:
        yield _test(address)


def _queue(state: State) -> Iterator[Finding]:
    if state.failed:
        text = f"{state.waiting} messages wait, {state.failed} could not be sent: {state.error}"
        yield Finding(PROBLEM, "mail", text, CHECK)
    else:
        yield Finding(OK, "mail", f"is sent; {state.waiting} messages are on their way")
    if state.given_up:
        todo = "The database admin names them under “Messages on their way”, for a week."
        yield Finding(NOTE, "mail", f"{state.given_up} messages were given up", todo)


def _test(address: str) -> Finding:
    from django.core.mail import EmailMessage

    from apps.users import outbox

    text = "This is the test mail that `tformance doctor` was asked for. Mail works."
    try:
        outbox.send_now(EmailMessage("tformance can send mail", text, to=[address]))
    except OSError as error:
        return Finding(PROBLEM, "mail", f"the test to {address} was not sent: {error}", CHECK)
    return Finding(OK, "mail", f"the mail server has taken a test to {address}")
