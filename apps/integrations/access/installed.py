"""The accounts where the GitHub App is installed, and who may connect them here.

An installation's token reads everything that the App was installed for, even what the person who
connects may not read. So only an owner of the account may connect it: see docs/decisions.
"""

from __future__ import annotations

from apps.integrations.access import github_app, problems
from apps.integrations.access.door import with_token
from apps.integrations.access.problems import ConnectError
from apps.integrations.access.token_ends import end_installation
from apps.integrations.github import apps, people
from apps.integrations.github.apps import InstallationRecord
from apps.integrations.github.errors import GitHubError
from apps.integrations.github.people import Account
from apps.integrations.models import IntegrationCredential


def listed(credential: IntegrationCredential) -> list[InstallationRecord]:
    """The installations with which a pending connection can be completed. Raises ConnectError."""
    if credential.installation_id:
        return [_chosen_by_staff(credential.installation_id)]
    try:
        with with_token(credential.access_token) as github:
            found = apps.of_user(github)
    except GitHubError as error:
        raise ConnectError(problems.from_github(error)) from None
    if not found:
        raise ConnectError(problems.not_installed(_install_page()))
    return found


def claimed(credential: IntegrationCredential, name: str) -> InstallationRecord:
    """The installation on the account with that login or id, if the person owns the account.

    Raises ConnectError.
    """
    for found in listed(credential):
        if name.lower() in (found.account.login.lower(), str(found.account.id)):
            if not credential.installation_id and not _owns(credential, found):
                raise ConnectError(problems.not_an_owner(found.account.login))
            return found
    raise ConnectError(problems.not_visible(name))


def _owns(credential: IntegrationCredential, found: InstallationRecord) -> bool:
    try:
        with with_token(credential.access_token) as github:
            person = people.account(github)
        if found.account.type != "Organization":
            return person.id == found.account.id
        return _is_owner(found, person)
    except GitHubError as error:
        raise ConnectError(problems.from_github(error)) from None


def _is_owner(found: InstallationRecord, person: Account) -> bool:
    app = github_app.current()
    if app is None:
        raise ConnectError(problems.NO_APP)
    with github_app.conversation(app) as github:
        made = apps.new_token(github, found.id)
    with with_token(made.token) as github:
        owns = apps.is_owner(github, found.account.login, person)
    end_installation(made.token)
    return owns


def _chosen_by_staff(installation_id: int) -> InstallationRecord:
    app = github_app.current()
    if app is None:
        raise ConnectError(problems.NO_APP)
    try:
        with github_app.conversation(app) as github:
            return apps.installation(github, installation_id)
    except GitHubError as error:
        raise ConnectError(problems.from_github(error)) from None


def _install_page() -> str:
    try:
        app = github_app.named()
    except GitHubError:
        return ""
    return f"{app.page}/installations/new" if app else ""
