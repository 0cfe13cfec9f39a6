"""`tformance user` and `tformance team`: managing accounts and teams, also from scripts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from apps.teams.models import Membership, Team
    from apps.users.models import User

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
from_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from stdin instead of making a link."
)
roles = click.option("--role", type=click.Choice(["admin", "member"]), default="member")


@click.group()
def user() -> None:
    """List, create and disable accounts."""
    _prepare()


@user.command("list")
@as_json
def list_users(as_json: bool) -> None:
    """Show every account."""
    from tformance import accounts

    _show(accounts.users(), as_json)


@user.command("create")
@click.argument("email")
@click.option("--name", default="", help="As others see it.")
@click.option("--staff", is_flag=True, help="May use the database admin and make the GitHub App.")
@from_stdin
def create_user(email: str, name: str, staff: bool, password_stdin: bool) -> None:
    """Create an account, and print a link to choose its password with.

    The link works once, for three days. The address counts as confirmed.
    """
    from tformance import accounts

    password = _password() if password_stdin else None
    made = accounts.create(email, name, is_staff=staff, password=password)
    click.echo(f"Created an account for {made.email}." if password else accounts.link(made))


@user.command("link")
@click.argument("email")
def link(email: str) -> None:
    """Print a link to choose a new password with; it works once."""
    from tformance import accounts

    click.echo(accounts.link(_user(email)))


@user.command("password")
@click.argument("email")
@click.option("--password-stdin", is_flag=True, required=True, help="Read it from stdin.")
def password(email: str, password_stdin: bool) -> None:
    """Set a password, which signs the account out everywhere."""
    from tformance import accounts

    accounts.set_password(_user(email), _password())
    click.echo(f"{email} has a new password.")


def _switch(name: str, about: str, **fields: bool) -> None:
    @user.command(name, help=about)
    @click.argument("email")
    def switch(email: str) -> None:
        from tformance import accounts

        found = _user(email)
        accounts.change(found, **fields)
        click.echo(f"Done: {email}.")
        if not all(fields.values()):
            for remark in accounts.left_without(found):
                click.echo(remark, err=True)


_switch("promote", "Make a user the operator's staff.", is_staff=True)
_switch("demote", "Make staff an ordinary user again.", is_staff=False)
_switch("disable", "Disable an account, and sign it out everywhere.", is_active=False)
_switch("enable", "Enable an account again.", is_active=True)


@click.group()
def team() -> None:
    """List and create teams, and manage their members."""
    _prepare()


@team.command("list")
@as_json
def list_teams(as_json: bool) -> None:
    """Show every team."""
    from tformance import accounts

    _show(accounts.teams(), as_json)


@team.command("create")
@click.argument("name")
@click.option("--admin", required=True, metavar="EMAIL", help="An account that there is.")
def create_team(name: str, admin: str) -> None:
    """Create a team, and print its slug."""
    from tformance import accounts

    click.echo(accounts.create_team(name, _user(admin)).slug)


@team.command("members")
@click.argument("team")
@as_json
def members(team: str, as_json: bool) -> None:
    """Show who is in a team."""
    from tformance import accounts

    _show(accounts.members(_team(team)), as_json)


@team.command("add")
@click.argument("team")
@click.argument("email")
@roles
def add(team: str, email: str, role: str) -> None:
    """Add an account to a team, or change a member's role."""
    from tformance import accounts

    accounts.add(_team(team), _user(email), role)
    click.echo(f"{email} is in {team} as {role}.")


@team.command("remove")
@click.argument("team")
@click.argument("email")
def remove(team: str, email: str) -> None:
    """Remove a member from a team."""
    from tformance import accounts

    accounts.remove(_membership(_team(team), _user(email)))
    click.echo(f"{email} is no longer in {team}.")


def _prepare() -> None:
    import django

    from tformance import health

    django.setup()
    if (state := health.database()) != "ok":
        problem = (
            "cannot be reached" if state == "unreachable" else "is not up to date: run release"
        )
        raise click.ClickException(f"The database {problem}.")


def _password() -> str:
    """The first line of stdin: an argument would show in the process list."""
    return sys.stdin.readline().rstrip("\r\n")


def _user(email: str) -> User:
    from apps.users.models import User

    found = User.objects.filter(email__iexact=email).first()
    if found is None:
        raise click.UsageError(f"There is no account {email}.")
    return found


def _team(slug: str) -> Team:
    from apps.teams.models import Team

    found = Team.objects.filter(slug=slug, deleting_since=None).first()
    if found is None:
        raise click.UsageError(f"There is no team {slug}; `tformance team list` shows all.")
    return found


def _membership(team: Team, user: User) -> Membership:
    found = team.memberships.filter(user=user).first()
    if found is None:
        raise click.UsageError(f"{user.email} is not in {team.slug}.")
    return found


def _show(rows: list[dict[str, Any]], as_json: bool) -> None:
    import json

    from tformance.output import on_one_line

    for row in rows:
        cells = map(on_one_line, map(_cell, row.values()))
        text = json.dumps(row) if as_json else "\t".join(cells)
        click.echo(text)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(value) if isinstance(value, list) else str(value if value is not None else "-")
