"""Mail whose server is down, slow or refusing: users notice only a delay."""

from __future__ import annotations

import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import ClassVar

import pytest
from click.testing import CliRunner, Result
from cryptography.fernet import Fernet
from django.core.mail import EmailMessage
from django.test import Client
from pytest_django import Settings

from apps.integrations.keeping import rotation
from apps.teams.models import Team
from apps.users import outbox
from apps.users.models import QueuedMail, User
from conftest import PASSWORD, signed_in
from tests.test_thief import strings
from tformance.cli import main

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


class Server(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP as a client needs; `refuses` gives its own answers to commands."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, **refuses: str) -> None:
        super().__init__(("127.0.0.1", 0), Dialogue)
        self.refuses, self.taken = refuses, list[str]()


class Dialogue(socketserver.StreamRequestHandler):
    server: Server
    ANSWERS: ClassVar[dict[str, str]] = {"DATA": "354 go on", "QUIT": "221 bye"}

    def handle(self) -> None:
        if "silence" in self.server.refuses:
            self.rfile.read()  # until the client hangs up
            return
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            word = line.split()[0].upper()
            self._say(self.server.refuses.get(word) or self.ANSWERS.get(word, "250 well"))
            if word == "DATA" and word not in self.server.refuses:
                self._take()

    def _take(self) -> None:
        lines = list(iter(lambda: self.rfile.readline().decode(), ".\r\n"))
        self.server.taken.append("".join(lines))
        self._say("250 taken")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def server(settings: Settings, **refuses: str) -> Iterator[Server]:
    """A mail server, which the program uses during the block."""
    with Server(**refuses) as running:
        threading.Thread(target=running.serve_forever, args=[0.01], daemon=True).start()
        settings.EMAIL_PORT = running.server_address[1]
        yield running
        running.shutdown()


@pytest.fixture(autouse=True)
def _by_smtp(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "apps.users.outbox.Backend"
    settings.MAIL_TRANSPORT = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_TIMEOUT = "127.0.0.1", 1
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        settings.EMAIL_PORT = nobody.getsockname()[1]


def send(*, later: timedelta = timedelta(0)) -> int:
    """Runs the workers at that time; returns the number of attempts."""
    now = datetime.now(UTC) + later
    return sum(1 for _ in iter(lambda: outbox.send_due(now), False))


def forget_password(client: Client, email: str) -> str:
    page = client.post("/accounts/password/reset/", {"email": email}, follow=True)
    assert page.status_code == 200
    return page.content.decode()


def doctor(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["doctor", *arguments])


def test_it_works(client: Client, alice: User, settings: Settings) -> None:
    """A link to a new password, while the mail server is down and when it is back."""
    assert "accepts no mail" not in forget_password(client, alice.email)
    [kept] = QueuedMail.objects.all()
    assert send() == 1
    assert "accepts no mail" in forget_password(client, alice.email)
    with server(settings) as running:
        assert send(later=timedelta(minutes=5)) == 2
    assert not QueuedMail.objects.exists()
    links = [re.search(r"/accounts/password/reset/key/\S+", text) for text in running.taken]
    assert all(links)
    assert Client().get(links[0][0]).status_code == 302  # type: ignore[index]
    assert kept.recipient == "alice@example.com"
    assert len({re.search(r"Message-ID: (\S+)", text)[1] for text in running.taken}) == 2  # type: ignore[index]


def test_nothing_fails_with_the_mail_server(client: Client, team: Team, settings: Settings) -> None:
    """Signing up and inviting, with a mail server that is down."""
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    form = {"email": "dana@example.com", "password1": PASSWORD}
    assert client.post("/accounts/signup/", form, follow=True).status_code == 200
    invited = signed_in(User.objects.get(email="alice@example.com")).post(
        "/a/acme/settings/invitations/",
        {"email": "erin@example.com", "role": "member"},
        follow=True,
    )
    assert "An invitation was sent to erin@example.com" in invited.content.decode()
    to = set(QueuedMail.objects.values_list("recipient", flat=True))
    assert {"dana@example.com", "erin@example.com"} <= to


@pytest.mark.parametrize(
    "refuses", [{"silence": "yes"}, {"EHLO": "421 later", "HELO": "421 later"}]
)
def test_a_failing_server_is_tried_once_a_pause(
    client: Client, alice: User, bob: User, settings: Settings, refuses: dict[str, str]
) -> None:
    forget_password(client, alice.email)
    forget_password(client, bob.email)
    with server(settings, **refuses):
        assert send() == 1
        assert send() == 0
        pauses = []
        for _ in range(4):
            due = QueuedMail.objects.order_by("due_at").values_list("due_at", flat=True)[0]
            pauses.append(due)
            assert outbox.send_due(due)
    waits = [later - earlier for earlier, later in pairwise(pauses)]
    assert waits == sorted(waits)
    assert waits[-1] > waits[0]


def test_a_refused_message_delays_no_other(
    client: Client, alice: User, bob: User, settings: Settings
) -> None:
    forget_password(client, alice.email)
    with server(settings, RCPT="550 no such user"):
        assert send() == 1
    [refused] = QueuedMail.objects.all()
    assert refused.given_up_at
    assert (refused.message, "550 no such user" in refused.error) == ("", True)
    forget_password(client, bob.email)
    with server(settings, RCPT="451 come back later"):
        assert send() == 1
    forget_password(client, "carol@example.com")
    with server(settings) as running:
        assert send() == 1
        assert send(later=timedelta(minutes=2)) == 1
    assert len(running.taken) == 2
    outbox.forget_old(datetime.now(UTC) + timedelta(days=8))
    assert not QueuedMail.objects.exists()


def test_after_days_it_is_given_up(client: Client, alice: User) -> None:
    forget_password(client, alice.email)
    assert send(later=timedelta(days=2)) == 1
    QueuedMail.objects.update(due_at=NOW)
    assert send(later=timedelta(days=4)) == 1
    [row] = QueuedMail.objects.all()
    assert row.given_up_at
    assert not outbox.is_held_up()


def test_what_waits_opens_nothing(client: Client, alice: User, settings: Settings) -> None:
    """Its links are encrypted, follow a key rotation, and are lost with the old key."""
    forget_password(client, alice.email)
    assert not any("reset/key" in text for text in strings())
    old, new = settings.TOKEN_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    settings.TOKEN_ENCRYPTION_KEYS = [new, old]
    rotation.rotate()
    settings.TOKEN_ENCRYPTION_KEYS = [new]
    with server(settings) as running:
        assert send() == 1
    assert "reset/key" in running.taken[0]


def test_doctor_says_it_and_sends_a_test(client: Client, alice: User, settings: Settings) -> None:
    forget_password(client, alice.email)
    send()
    output = doctor("--mail", "ops@example.com").output
    assert "1 messages wait, 1 could not be sent" in output
    assert "the test to ops@example.com was not sent" in output
    with server(settings) as running:
        output = doctor("--mail", "ops@example.com").output
    assert "the mail server has taken a test to ops@example.com" in output
    assert "Mail works." in running.taken[0]


def test_a_message_keeps_its_parts(settings: Settings) -> None:
    """Headers and HTML too, as in the digest."""
    from django.core.mail import EmailMultiAlternatives

    message = EmailMultiAlternatives(
        "Grüße", "plain", to=["a@example.com"], headers={"List-Unsubscribe": "<https://x.example>"}
    )
    message.attach_alternative("<b>bold</b>", "text/html")
    assert message.send() == 1
    assert EmailMessage("nobody", "x").send() == 0
    with server(settings) as running:
        send()
    [text] = running.taken
    for part in ("List-Unsubscribe: <https://x.example>", "plain", "<b>bold</b>", "=?utf-8?"):
        assert part in text
