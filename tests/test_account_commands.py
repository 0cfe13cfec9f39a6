"""`tformance user` and `tformance team`, as an operator's script uses them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from django.test import Client

from apps.audit.models import AuditEvent
from apps.teams.models import Membership, Team
from apps.users.models import User
from conftest import PASSWORD, signed_in
from tformance.cli import main

pytestmark = pytest.mark.django_db


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, arguments, input=stdin)


def done(*arguments: str, stdin: str | None = None) -> str:
    ran = run(*arguments, stdin=stdin)
    assert ran.exit_code == 0, ran.output
    return ran.output


def rows(*arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done(*arguments, "--json").splitlines()]


def sign_in(email: str, password: str) -> str:
    form = {"login": email, "password": password}
    reply = Client().post("/accounts/login/", form)
    return reply.headers.get("Location", "")


def test_it_works(client: Client, settings: Any) -> None:
    """The first account of an installation, by the link that the command prints."""
    settings.SIGN_UP, settings.ACCOUNT_EMAIL_VERIFICATION = "", "mandatory"
    link = done("user", "create", "Ada@Example.com", "--name", "Ada", "--staff").strip()
    path = link.removeprefix("http://localhost:8000")
    form = client.get(path).headers["Location"]
    client.post(form, {"password1": PASSWORD, "password2": PASSWORD})
    assert sign_in("ada@example.com", PASSWORD) == "/"
    assert "no longer works" in Client().get(path, follow=True).content.decode()
    assert done("team", "create", "Acme", "--admin", "ADA@example.com") == "acme\n"
    [ada] = rows("user", "list")
    assert (ada["name"], ada["is_staff"], ada["teams"]) == ("Ada", True, ["acme"])
    assert done("team", "members", "acme") == "ada@example.com\tadmin\n"
    noted = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"account.made_by_operator", "account.link_made", "team.created"} <= noted


def test_a_password_comes_from_stdin_alone() -> None:
    done("user", "create", "ada@example.com", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert sign_in("ada@example.com", PASSWORD) == "/"
    weak = run("user", "password", "ada@example.com", "--password-stdin", stdin="password\n")
    assert weak.exit_code == 1
    assert "too common" in weak.output
    new = "a different battery horse"
    done("user", "password", "ada@example.com", "--password-stdin", stdin=new)
    assert sign_in("ada@example.com", new) == "/"
    assert run("user", "create", "b@example.com", "--password", "x").exit_code == 2


def test_a_name_is_no_row_of_its_own(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(first_name="A\r\nroot@example.com\tRoot\tyes\tyes")
    assert len(done("user", "list").splitlines()) == 1
    assert done("user", "list").count("\t") == 5


def test_an_account_is_switched_off_and_on(alice: User, bob: User) -> None:
    browser = signed_in(bob)
    done("user", "disable", "bob@example.com")
    assert browser.get("/teams/new/").status_code == 302
    assert sign_in("bob@example.com", PASSWORD) == "/accounts/inactive/"
    assert "is disabled" in run("user", "link", "bob@example.com").output
    done("user", "enable", "bob@example.com")
    assert sign_in("bob@example.com", PASSWORD) == "/"
    done("user", "promote", "alice@example.com")
    assert signed_in(User.objects.get(pk=alice.pk)).get("/admin/").status_code == 200
    last = run("user", "demote", "alice@example.com")
    assert "No active account is staff any more." in last.output
    assert signed_in(User.objects.get(pk=alice.pk)).get("/admin/").status_code == 302


def test_members_of_a_team(team: Team, charlie: User) -> None:
    done("team", "add", "acme", "charlie@example.com")
    done("team", "add", "acme", "charlie@example.com", "--role", "admin")
    assert Membership.objects.get(user=charlie).role == "admin"
    assert [(row["team"], row["members"]) for row in rows("team", "list")] == [("acme", 3)]
    done("team", "remove", "acme", "charlie@example.com")
    done("team", "remove", "acme", "bob@example.com")
    last = run("team", "remove", "acme", "alice@example.com")
    assert (last.exit_code, "needs an admin" in last.output) == (1, True)
    disabled = run("user", "disable", "alice@example.com")
    assert "The team acme has no active admin." in disabled.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("user", "create", "nobody"), "no e-mail address"),
        (("user", "link", "nobody@example.com"), "There is no account"),
        (("team", "members", "nowhere"), "There is no team"),
        (("team", "remove", "acme", "charlie@example.com"), "is not in acme"),
    ],
)
def test_wrong_use_is_one_line(
    team: Team, charlie: User, arguments: tuple[str, ...], said: str
) -> None:
    ran = run(*arguments)
    assert ran.exit_code == 2
    assert said in ran.output


def test_an_address_has_one_account(alice: User) -> None:
    ran = run("user", "create", "ALICE@example.com")
    assert (ran.exit_code, "already" in ran.output) == (1, True)
