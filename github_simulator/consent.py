"""The page on which a tester chooses an identity and the scopes to grant."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from string import Template
from urllib.parse import urlsplit

from .grants import Asked
from .world import Account, OAuthApp, Organization, World

_MEANINGS = {
    "repo": "Read and change code, pull requests and hooks of all repositories",
    "public_repo": "Read and change public repositories",
    "read:org": "Read organizations, teams and memberships",
    "admin:org": "Manage organizations and teams",
    "admin:repo_hook": "Manage repositories' hooks",
    "write:repo_hook": "Make repositories' hooks",
    "admin:org_hook": "Manage organizations' hooks",
    "user": "Read and change your profile",
    "read:user": "Read your profile",
    "user:email": "Read your e-mail addresses",
}


def page(world: World, asked: Asked, chosen: Account, sent: dict[str, str], focus: bool) -> str:
    """The page as HTML. `sent` are the request's parameters, which the form sends again."""
    parts = urlsplit(asked.redirect_uri)
    return filled(
        "consent.html",
        app=escape(asked.app.name),
        hidden="\n".join(_hidden(name, value) for name, value in sent.items()),
        people="\n".join(_person(account, account is chosen) for account in people(world)),
        scopes="\n".join(_scope(scope) for scope in asked.scopes) or _public_only(),
        organizations="\n".join(_organization(o, asked.app) for o in world.organizations.values()),
        redirect_uri=escape(f"{parts.scheme}://{parts.netloc}"),
        focus=" autofocus" if focus else "",
    )


def filled(name: str, **parts: str) -> str:
    """A page of this package with its parts, which are HTML already."""
    home = files(__package__)
    template = Template(home.joinpath(name).read_text(encoding="utf-8"))
    return template.substitute(parts, style=home.joinpath("pages.css").read_text(encoding="utf-8"))


def people(world: World) -> list[Account]:
    """Who can sign in, members of organisations first."""
    members = {number for o in world.organizations.values() for number in o.members}
    users = [account for account in world.accounts.values() if account.type == "User"]
    return sorted(users, key=lambda account: account.id not in members)


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'


def _person(account: Account, selected: bool) -> str:
    text = f"{account.login} ({account.name})" if account.name else account.login
    mark = " selected" if selected else ""
    return f'<option value="{escape(account.login)}"{mark}>{escape(text)}</option>'


def _scope(scope: str) -> str:
    meaning = _MEANINGS.get(scope, "")
    return (
        f'<label class="scope"><input type="checkbox" name="granted" value="{escape(scope)}" '
        f"checked><span><code>{escape(scope)}</code><br><span>{escape(meaning)}</span></span>"
        "</label>"
    )


def _public_only() -> str:
    return '<p class="scope">Public information only</p>'


def _organization(organization: Organization, app: OAuthApp) -> str:
    approved = app.client_id in organization.approved_apps
    closed = organization.restricts_oauth_apps and not approved
    state = "An owner must approve this app first" if closed else "Reached by this app"
    return f"<li>{escape(organization.account.login)} <span>{state}</span></li>"
