"""A thief of the database has every string in it, and none of them opens anything."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.core import mail
from django.db import connection
from django.test import Client

from apps.teams.models import Team
from apps.users.models import User
from conftest import PASSWORD

INVITE = "/a/acme/settings/invitations/"
# The same on every machine: hundreds of names of tables, permissions and migrations.
MADE_BY_MIGRATIONS = {"auth_permission", "django_content_type", "django_migrations"}


@pytest.fixture
def opened(team: Team, alice: User, bob: User) -> dict[str, str]:
    """Everything that gives access without a password, created and used through the pages."""
    client, visitor = Client(), Client()
    client.post("/accounts/login/", {"login": alice.email, "password": PASSWORD})
    client.post(INVITE, {"email": "", "role": "admin"})
    page = client.get("/a/acme/settings/members/").content.decode()
    invitation = _only_match(r"/invitations/([\w-]+)/", page)
    visitor.get(f"/invitations/{invitation}/")
    visitor.post("/accounts/password/reset/", {"email": bob.email})
    reset = _only_match(r"/password/reset/key/([\w-]+)/", str(mail.outbox[-1].body))
    visitor.get(f"/accounts/password/reset/key/{reset}/")
    newcomer = Client()
    newcomer.post("/accounts/signup/", {"email": "dana@example.com", "password1": PASSWORD})
    confirmation = _only_match(r"/confirm-email/([\w:-]+)/", str(mail.outbox[-1].body))
    newcomer.get(f"/accounts/confirm-email/{confirmation}/")
    made = client.post("/a/acme/settings/api-keys/", {"name": "Wallboard"}).content.decode()
    return {
        "session": client.cookies["tformance_session"].value,
        "invitation": invitation,
        "reset": reset,
        "confirmation": confirmation,
        "key": _only_match(r"(tfk_[\w-]+)</code>", made),
    }


def _only_match(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, text
    return found[1]


def strings() -> Iterator[str]:
    """Every value of every row, and every word in it."""
    with connection.cursor() as cursor:
        for table in set(connection.introspection.table_names(cursor)) - MADE_BY_MIGRATIONS:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            for row in cursor.fetchall():
                for value in map(str, row):
                    yield value
                    yield from re.findall(r"[\w:-]+", value)


def doors_opened_by(text: str) -> list[str]:
    """The kinds of access that a string gives."""
    visitor = Client()
    visitor.cookies["tformance_session"] = text
    by_cookie = visitor.get("/accounts/profile/").status_code == 200
    invited = Client().get(f"/invitations/{text}/", follow=True)
    by_link = invited.status_code == 200 and "invites you" in invited.content.decode()
    asked = Client().get("/api/v1/team", headers={"authorization": f"Bearer {text}"})
    reset = Client().get(f"/accounts/password/reset/key/{text}/", follow=True)
    by_reset = 'name="password1"' in reset.content.decode()
    doors = {"cookie": by_cookie, "link": by_link, "key": asked.status_code == 200}
    return [door for door, is_open in (doors | {"reset": by_reset}).items() if is_open]


def test_it_works(opened: dict[str, str]) -> None:
    """The users' own secrets do give access, so that the other tests mean something."""
    assert doors_opened_by(opened["session"]) == ["cookie"]
    assert doors_opened_by(opened["invitation"]) == ["link"]
    assert doors_opened_by(opened["key"]) == ["key"]
    assert doors_opened_by(opened["reset"]) == ["reset"]


def test_no_string_of_the_database_opens_a_door(opened: dict[str, str]) -> None:
    kept = set(strings())
    opened["reset"] = opened["reset"].partition("-")[2]  # the part before names the account
    for name, secret in opened.items():
        assert not [each for each in kept if secret in each], name
    long = {
        each
        for each in kept
        if len(each) >= 16 and each.isascii() and each.isprintable() and "/" not in each
    }
    assert len(long) > 20
    assert {each: found for each in long if (found := doors_opened_by(each))} == {}
