"""What can go wrong while connecting GitHub: what happened and what to do, a sentence each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from django.conf import settings

from apps.integrations.github.errors import GitHubError, WaitError


@dataclass(frozen=True)
class Problem:
    """`code` is for programs and the audit log; `url` is where the user can fix it."""

    code: str
    message: str
    advice: str
    url: str = ""
    url_label: str = ""

    def __str__(self) -> str:
        return f"{self.message} {self.advice}"


class ConnectError(Exception):
    """Connecting stopped; nothing was stored."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


DENIED = Problem(
    "access_denied",
    "GitHub was not connected, because access was declined on GitHub.",
    "Connect again and choose “Authorize” to go on.",
)
EXPIRED = Problem(
    "state_expired",
    "GitHub was not connected, because more than ten minutes passed on the way.",
    "Connect again and answer GitHub within ten minutes.",
)
REPLAYED = Problem(
    "state_replayed",
    "This answer from GitHub was used before, so it was ignored.",
    "If GitHub is not listed as connected below, connect again.",
)
OTHER_SESSION = Problem(
    "state_unknown",
    "This answer from GitHub does not belong to a connection begun in this browser.",
    "Connect again from here and stay in the same browser.",
)
OTHER_USER = Problem(
    "wrong_user",
    "GitHub was not connected, because another person began the connection.",
    "Sign in as the person who began it, or connect again.",
)
BAD_CODE = Problem(
    "bad_verification_code",
    "GitHub did not accept the code that it sent, because it expired or was used before.",
    "Connect again.",
)
BAD_CLIENT = Problem(
    "incorrect_client_credentials",
    "GitHub does not accept this installation's client secret.",
    "Ask the administrator of tformance to set GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET to the "
    "values of the OAuth app.",
)
BAD_REDIRECT = Problem(
    "redirect_uri_mismatch",
    "GitHub does not know this installation's callback address.",
    "Ask the administrator of tformance to add {PUBLIC_URL}/integrations/github/callback/ to the "
    "OAuth app or the GitHub App as a callback URL.",
)
SUSPENDED = Problem(
    "application_suspended",
    "GitHub has suspended this installation's OAuth app.",
    "Ask the owner of the OAuth app to contact GitHub's support, or connect with a token.",
)
UNVERIFIED = Problem(
    "unverified_user_email",
    "GitHub gives no access, because the GitHub account has no verified e-mail address.",
    "Verify the address on GitHub, then connect again.",
)
UNEXPECTED = Problem(
    "unexpected_answer",
    "GitHub answered in a way that tformance does not understand.",
    "Try again in a few minutes.",
)
UNREACHABLE = Problem(
    "unreachable",
    "GitHub could not be reached.",
    "Nothing was changed; try again in a few minutes.",
)
NOTHING_PENDING = Problem(
    "nothing_pending",
    "There is no connection to finish: it was finished already, or it took more than an hour.",
    "If the organisation is not listed below, connect again.",
)
NOT_CONFIGURED = Problem(
    "not_configured",
    "No OAuth app is set up on this installation.",
    "Register one as described below, or connect with a personal access token.",
)
NO_APP = Problem(
    "no_app",
    "No GitHub App is set up on this installation.",
    "Ask the administrator of tformance to set one up, or connect in another way.",
)
APP_IS_THE_OPERATORS = Problem(
    "app_is_the_operators",
    "The GitHub App is shared by all teams of this installation, so not every team can create it.",
    "Ask the administrator of tformance to create it.",
)
INSTALL_REQUESTED = Problem(
    "install_requested",
    "GitHub has asked an owner of the organisation to install the App.",
    "Once an owner has agreed, let them connect it here.",
)
APP_PROVES_NOBODY = Problem(
    "app_proves_nobody",
    "This installation cannot tell whether the App's installation is yours, because the App has no "
    "client secret here.",
    "Ask the administrator of tformance to set GITHUB_APP_CLIENT_SECRET, or to connect it for you.",
)
NO_TOKEN = Problem("no_token", "No token was given.", "Paste one and try again.")
TOKEN_REJECTED = Problem(
    "credentials_rejected",
    "GitHub does not accept this token.",
    "Check that all of it was copied and that it has not expired, or make a new one.",
)

_BY_CODE = {
    problem.code: problem
    for problem in (DENIED, BAD_CODE, BAD_CLIENT, BAD_REDIRECT, SUSPENDED, UNVERIFIED)
}


def from_code(code: str) -> Problem:
    """The problem for an `error` of GitHub's OAuth pages."""
    problem = _BY_CODE.get(code, UNEXPECTED)
    if problem is BAD_REDIRECT:
        advice = problem.advice.replace("{PUBLIC_URL}", settings.PUBLIC_URL)
        return Problem(problem.code, problem.message, advice)
    if problem is UNVERIFIED:
        url = f"{settings.GITHUB_URL}/settings/emails"
        return Problem(problem.code, problem.message, problem.advice, url, "E-mail settings")
    return problem


def too_few_scopes(missing: list[str]) -> Problem:
    """GitHub granted less than was asked for."""
    return Problem(
        "missing_scopes",
        f"GitHub was not connected, because it did not grant {_listed(missing)}.",
        "Connect again and leave all permissions as they are; for a token, make one that has "
        "repo, read:org and read:user.",
    )


def no_hook_scope(organization: str, *, by_token: bool) -> Problem:
    """The token may not create a hook for the organisation."""
    return Problem(
        "missing_scopes",
        f"{organization} keeps one webhook for each repository: the token lacks the scope "
        "admin:org_hook.",
        "Connect with a token of an owner that has repo, read:org, read:user and admin:org_hook, "
        "then choose again."
        if by_token
        else "Choose again and leave all permissions on GitHub as they are.",
    )


def nothing_changed(organization: str) -> Problem:
    """Access was declined, and the existing connection stays."""
    return Problem(
        DENIED.code,
        f"Access was declined on GitHub: the connection of {organization} is as it was.",
        "Connect again and choose “Authorize” to change it.",
    )


def hooks_stay(organization: str) -> Problem:
    """The additional permission for one webhook was declined."""
    return Problem(
        DENIED.code,
        f"{organization} stays connected and keeps one webhook for each repository: the permission "
        "for one of the whole organisation was declined on GitHub.",
        "Nothing else needs it. To have one webhook after all, choose again and allow it.",
    )


def no_hook_possible(organization: str) -> Problem:
    """Only organisations that are connected with a token can have a hook of their own."""
    return Problem(
        "no_organization_hook",
        f"{organization} cannot have one webhook for all of its repositories here.",
        "A personal account has none, and a GitHub App has its own.",
    )


def restricted(organization: str) -> Problem:
    """The organisation restricts access to approved OAuth apps."""
    return Problem(
        "organization_restricted",
        f"{organization} lets only approved applications in, and this one is not approved yet.",
        "Ask an owner of the organisation to approve it, then connect again.",
        f"{settings.GITHUB_URL}/organizations/{quote(organization)}"
        "/settings/oauth_application_policy",
        f"Approval page of {organization}",
    )


def not_visible(organization: str) -> Problem:
    """The submitted name is not among what the token can see."""
    return Problem(
        "organization_not_visible",
        f"GitHub shows no organisation or account “{organization}” to this sign-in.",
        "Choose one of the list, or ask an owner of the organisation to approve the application.",
        approvals_url(),
        "What GitHub has granted",
    )


def not_visible_to_token(name: str) -> Problem:
    """The same for a pasted token."""
    return Problem(
        "organization_not_visible",
        f"GitHub shows no organisation or account “{name}” to this token.",
        "Check the name, and that the token is for it.",
        f"{settings.GITHUB_URL}/settings/tokens",
        "Your tokens on GitHub",
    )


def not_installed(url: str) -> Problem:
    """The App is not installed on any account that the person can see."""
    return Problem(
        "not_installed",
        "The GitHub App is not installed on any account that you belong to.",
        "Install it first.",
        url,
        "Install it on GitHub",
    )


def app_made_already(url: str) -> Problem:
    """Another user has just created the App."""
    return Problem(
        "app_made_already",
        "A GitHub App was set up here meanwhile, so this one is not used.",
        "Delete it on GitHub.",
        url,
        "The App that is not used",
    )


def not_an_owner(account: str) -> Problem:
    """The person may not give a team access to everything that the App reads there."""
    return Problem(
        "not_an_owner",
        f"Only an owner of {account} can connect it by the GitHub App, since the App may read more "
        "there than each of its members.",
        "Ask an owner to connect it, or connect with a sign-in or a token of your own.",
    )


def approvals_url() -> str:
    """The page where a user asks organisations to approve the OAuth app."""
    client_id = quote(settings.GITHUB_CLIENT_ID)
    return f"{settings.GITHUB_URL}/settings/connections/applications/{client_id}"


def from_github(error: GitHubError) -> Problem:
    """A refusal of GitHub's API, in the words of the error."""
    name = type(error).__name__.removesuffix("Error")
    code = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    advice = error.advice
    if isinstance(error, WaitError):
        advice = f"Try again after {error.until:%H:%M} UTC."
    elif error.retryable:
        advice = "Nothing was changed; try again in a few minutes."
    return Problem(code, error.message, advice, error.url, "Open GitHub" if error.url else "")


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def is_login(name: str) -> bool:
    """Whether this can be a login on GitHub; anything else must not enter a path."""
    return bool(re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9])?", name))
