"""The installation under test, and what every response must satisfy."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urljoin

from django.apps import apps
from django.conf import settings
from django.core import mail
from django.core.cache import caches
from django.db import connection, transaction
from django.test import Client

from apps.integrations.models import Hook, IntegrationCredential
from apps.teams.models import Membership, Team
from apps.users.models import User
from conftest import signed_in
from tests.answers import text_of
from tests.two_teams import Belongings, belongings

NOWHERE = "http://127.0.0.1:1"  # in place of GitHub: nothing listens there
SCRIPT = "<script>alert(1)</script>"
HOOK = "/webhooks/github/"
INSIDERS = {"neighbour", "key of beta", "staff"}  # who may see and change what is Beta's


@dataclass(frozen=True)
class Ask:
    """A request and its sender."""

    visitor: str
    method: str
    path: str
    query: str = ""
    body: bytes = b""
    content_type: str = "application/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """Two teams that track the same repository, visitors of all kinds, and all secrets."""

    acme: Belongings
    beta: Belongings
    cookies: Mapping[str, SimpleCookie]
    secrets: frozenset[str]
    rows_of_beta: list[Any]

    def send(self, ask: Ask) -> Any:
        """The response, after all invariants were checked."""
        client = Client(raise_request_exception=False)
        client.cookies.update(self.cookies[ask.visitor])
        reply = client.generic(
            ask.method,
            ask.path,
            ask.body,
            ask.content_type,
            headers=dict(ask.headers),
            query_params=None,
            QUERY_STRING=ask.query,
        )
        self._check(ask, reply)
        return reply

    def _check(self, ask: Ask, reply: Any) -> None:
        if reply.status_code >= 500:
            error = getattr(reply, "exc_info", None)
            text = "".join(traceback.format_exception(*error)) if error else reply.content.decode()
            raise AssertionError(f"{reply.status_code} for {ask}\n{text[-3000:]}")
        text = text_of(reply) + str(reply.headers)
        shown = [f"{secret[:6]}…" for secret in self.secrets if secret in text]
        assert not shown, f"secrets {shown} in the answer to {ask}"
        if ask.visitor not in INSIDERS:
            rows = [word for word in of_others(self.beta) if word in text]
            assert not rows, f"{rows} in the answer to {ask}"
        if not reply.headers.get("Content-Type", "").startswith("application/json"):
            assert SCRIPT not in text, f"a script that was sent is in the answer to {ask}"
        assert "injected" not in reply.cookies, ask
        self._check_way(ask, reply.headers.get("Location", ""))

    def _check_way(self, ask: Ask, location: str) -> None:
        as_browsers_read_it = re.sub(r"[\t\r\n]", "", location).strip().replace("\\", "/")
        leads = urljoin(f"http://testserver{ask.path}", as_browsers_read_it)
        ways = (f"{settings.GITHUB_URL}/", "http://testserver/")
        assert leads.startswith(ways), f"{ask} leads to {location}"

    @contextmanager
    def untouched(self, *visitors: str) -> Iterator[None]:
        """Undoes what the block changes; only Beta may have changed Beta's rows."""
        for each in caches.all():
            each.clear()
        mail.outbox.clear()
        writes: list[str] = []
        with transaction.atomic():
            with connection.execute_wrapper(_noting(writes)):
                yield
            if writes and not INSIDERS & set(visitors):
                assert rows_of(self.beta.team) == self.rows_of_beta
            transaction.set_rollback(True)


def _noting(writes: list[str]) -> Any:
    def wrapper(execute: Any, sql: str, *rest: Any) -> Any:
        if not sql.startswith(("SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK")):
            writes.append(sql)
        return execute(sql, *rest)

    return wrapper


def of_others(team: Belongings) -> list[str]:
    """Texts in that team's rows that are in no request."""
    return [f"{team.mark} {word}" for word in ("change", "person", "event", "failed", "key")]


def rows_of(team: Team) -> list[Any]:
    """Every row of the team."""
    models = [model for model in apps.get_models() if _belongs_to_a_team(model)]
    rows = [list(model._default_manager.filter(team=team).values_list()) for model in models]
    return [sorted(found, key=str) for found in rows]


def _belongs_to_a_team(model: Any) -> bool:
    return any(each.name == "team" for each in model._meta.fields)


def make_place() -> Place:
    """Fills an empty database."""
    people = {
        name: User.objects.create_user(f"{name}@example.com", "correct horse battery")
        for name in ("alice", "bob", "charlie", "dana")
    }
    staff = User.objects.create_superuser("staff@example.com", "correct horse battery")
    acme, beta = (Team.objects.create(name=name, slug=name.lower()) for name in ("Acme", "Beta"))
    for team, name, role in (
        (acme, "alice", "admin"),
        (acme, "bob", "member"),
        (beta, "dana", "admin"),
    ):
        Membership.objects.create(team=team, user=people[name], role=role)
    ours, theirs = belongings(acme, people["bob"], 1_000), belongings(beta, people["dana"], 2_000)
    visitors = {
        "outsider": people["charlie"],
        "member": people["bob"],
        "admin": people["alice"],
        "neighbour": people["dana"],
        "staff": staff,
    }
    cookies = {name: signed_in(user).cookies for name, user in visitors.items()}
    for name in ("signed out", "key of acme", "key of beta"):
        cookies[name] = SimpleCookie()
    secrets = frozenset(filter(None, _secrets(ours, theirs)))
    return Place(ours, theirs, cookies, secrets, rows_of(beta))


def _secrets(*teams: Belongings) -> Iterator[str]:
    Hook.objects.update(secret="a hook's own secret 5d8f1c")
    yield "a hook's own secret 5d8f1c"
    for team in teams:
        yield team.key
    for row in IntegrationCredential.objects.all():
        yield row.access_token
    yield settings.SECRET_KEY
    yield from settings.TOKEN_ENCRYPTION_KEYS
    for user in User.objects.all():
        yield user.password
