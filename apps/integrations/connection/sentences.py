"""Sentences about a connection: how it was made, its status, and what ending it does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.integrations.connection.disconnecting import Plan
from apps.integrations.github.people import Account
from apps.integrations.models import Farewell, GitHubIntegration, IntegrationCredential
from apps.teams.templatetags.display import day, instant
from apps.teams.wording import counted, listed

Kind = IntegrationCredential.Kind
MOST_HOOKS = 10


def connected_by(integration: GitHubIntegration) -> str:
    """What was connected, with what, and when."""
    credential = integration.credential
    account = "Personal account" if integration.account_type == "User" else "Organisation"
    return format_html("{}, by {}, {}", account, _means(credential), day(credential.connected_at))


def _means(credential: IntegrationCredential) -> str:
    return {
        Kind.OAUTH: f"GitHub sign-in of {credential.account_login}",
        Kind.TOKEN: f"a token of {credential.account_login}",
        Kind.ENVIRONMENT: "the command line's GITHUB_TOKEN",
    }.get(Kind(credential.kind), "the GitHub App")


def installation_page(integration: GitHubIntegration, github_url: str) -> str:
    """The page on GitHub where an owner finds the App's installation."""
    is_organization = integration.account_type == "Organization"
    account = f"organizations/{integration.organization_slug}/" if is_organization else ""
    number = integration.credential.installation_id
    return f"{github_url}/{account}settings/installations/{number}"


def what_an_account_gives(account: Account, *, by_app: bool) -> str:
    """What connecting an organisation or an account provides."""
    if account.type == "Organization":
        return "Organisation: its members, teams and repositories"
    if by_app:
        return "A personal account: the repositories chosen there"
    return "Your personal account: only your own repositories"


def hidden_by_single_sign_on(count: int) -> str:
    """That GitHub leaves organisations out, and what to do."""
    that_ask = counted(count, "organisation that requires", "organisations that require")
    return f"GitHub leaves out {that_ask} single sign-on. Sign in there, then connect again."


def ways(*, has_app: bool, has_oauth_app: bool, may_make_app: bool) -> str:
    """Which ways to connect are available."""
    if has_app:
        count = "three" if has_oauth_app else "two"
        return f"There are {count} ways; the first asks for the least."
    if has_oauth_app and may_make_app:
        return "There are two ways, and a third once the GitHub App below is created."
    if has_oauth_app:
        return "There are two ways."
    return (
        "No GitHub App and no OAuth app is set up on this installation. Connect with a token, or "
        "set one of them up so that everyone can connect with two clicks."
    )


def what_disconnecting_does(plan: Plan, github_url: str) -> Iterator[str]:
    """What ending a connection does, a sentence or two each."""
    if plan.hooks:
        are = counted(len(plan.hooks), "webhook is", "webhooks are")
        yield f"{are} deleted on GitHub: {listed(plan.hooks, 5)}."
    if plan.shared_hooks:
        stay = counted(len(plan.shared_hooks), "webhook stays", "webhooks stay")
        yield f"{stay}, because another team of this installation needs {_them(plan.shared_hooks)}."
    for credential in plan.revoked:
        login = credential.account_login
        yield (
            f"The token of {login} is deleted here and revoked at GitHub: all that {login} allowed "
            "tformance, unless another connection of this installation depends on it. "
            "Signing in with GitHub then asks once more."
        )
    for credential in plan.pasted:
        yield format_html(
            "The personal access token of {} is deleted here. GitHub lets only its owner delete "
            'it there, under <a href="{}/settings/tokens" rel="noreferrer">Personal access '
            "tokens</a>.",
            credential.account_login,
            github_url,
        )
    for credential in plan.kept:
        login = credential.account_login
        yield f"The token of {login} stays: another connection of this team uses it."
    if plan.hooks or plan.revoked:
        yield (
            "GitHub is told within minutes; until then the token is kept, encrypted, for this "
            "alone. If GitHub does not answer, this is tried again for a week."
        )


def _them(things: Sequence[Any]) -> str:
    return "it" if len(things) == 1 else "them"


def what_deleting_the_team_ends(plan: Plan) -> str:
    """That deleting the team disconnects GitHub first."""
    if not plan.ending:
        return ""
    if not plan.hooks:
        return "GitHub is disconnected first."
    hooks = counted(len(plan.hooks), "webhook is", "webhooks are")
    return f"GitHub is disconnected first: {hooks} deleted there."


def what_stays(plan: Plan) -> str:
    """What keeping the data means."""
    count = plan.pull_requests
    what = f"the {counted(count, 'pull request')}" if count else "it"
    them = "them" if count > 1 else "it"
    return (
        f"Keep {what}: all pages go on showing {them}. After connecting again, choose the "
        "repositories again; what is kept is not fetched twice"
    )


def when_tried(row: Farewell) -> str:
    """Since when something is left to do on GitHub, and until when it is retried."""
    token = (
        "the connection's token is used"
        if row.credential_id
        else ("its token is kept, encrypted, for this alone")
    )
    return format_html(
        "Since {}. {} Tried again {}; until {} {}.",
        instant(row.created_at),
        row.error,
        instant(row.due_at),
        day(row.gives_up_at),
        token,
    )


def left_to_do(row: Farewell, github_url: str) -> Iterator[str]:
    """What is left to do on GitHub; with links if a person must do it by hand."""
    if row.hooks:
        webhooks = counted(len(row.hooks), "webhook")
        places = _linked(row.hooks, github_url) if row.has_given_up else _named(row.hooks)
        yield format_html("Delete {}, in the settings of {}", webhooks, places)
    if row.is_to_revoke and row.has_given_up:
        yield format_html(
            'Revoke tformance under <a href="{}/settings/applications" rel="noreferrer">'
            "Authorized OAuth Apps</a>, as {}",
            github_url,
            row.account_login,
        )
    elif row.is_to_revoke:
        yield f"Revoke the token of {row.account_login}"


def _named(hooks: Sequence[dict[str, Any]]) -> str:
    return listed([hook["repository"] for hook in hooks], MOST_HOOKS)


def _linked(hooks: Sequence[dict[str, Any]], github_url: str) -> SafeString:
    links = format_html_join(
        ", ",
        '<a href="{}/{}{}/settings/hooks" rel="noreferrer">{}</a>',
        (
            (
                github_url,
                "organizations/" if hook.get("organization_id") else "",
                hook["repository"],
                hook["repository"],
            )
            for hook in hooks[:MOST_HOOKS]
        ),
    )
    more = len(hooks) - MOST_HOOKS
    return format_html("{} and {} more", links, more) if more > 0 else links
