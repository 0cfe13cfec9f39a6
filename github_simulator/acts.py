"""What tests and demos make happen in the world through the control address, by name.

Each act takes its parameters from JSON, acts as somebody, lets hooks hear of it and answers what
the caller needs to go on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal

from . import actions
from .actions import Deed, Draft, new_oid
from .oddities import forget
from .rest.accounts import simple_organization, simple_user
from .state import Happening, Simulator
from .tokens import new_token
from .world import (
    Account,
    Commit,
    Label,
    Organization,
    PullRequest,
    Repository,
    Review,
    Team,
    Token,
)

Json = dict[str, Any]


class ImpossibleError(Exception):
    """The act names something that does not exist, or lacks a parameter."""


def act(simulator: Simulator, name: str, given: Json) -> Json:
    """Do it now. Raises ImpossibleError with a reason where it can't be done."""
    if name not in ACTS:
        raise ImpossibleError(f"There is no act {name!r}; known: {', '.join(sorted(ACTS))}.")
    try:
        return ACTS[name](simulator, given) or {}
    except KeyError as error:
        raise ImpossibleError(f"{name} needs {error}.") from error


def _account(simulator: Simulator, login: str) -> Account:
    found = simulator.world.account(login)
    if found is None:
        raise ImpossibleError(f"There is no account {login}.")
    return found


def _repository(simulator: Simulator, given: Json) -> Repository:
    found = simulator.world.repository(given["repository"])
    if found is None:
        raise ImpossibleError(f"There is no repository {given['repository']}.")
    return found


def _pull_request(repository: Repository, given: Json) -> PullRequest:
    found = repository.pull_requests.get(given["number"])
    if found is None:
        raise ImpossibleError(f"{repository.full_name} has no pull request {given['number']}.")
    return found


def _organization(simulator: Simulator, given: Json) -> Organization:
    account = _account(simulator, given["organization"])
    found = simulator.world.organizations.get(account.id)
    if found is None:
        raise ImpossibleError(f"{account.login} is no organisation.")
    return found


def _at(simulator: Simulator, given: Json) -> datetime:
    return datetime.fromisoformat(given["at"]) if "at" in given else simulator.clock.now()


def _deed(simulator: Simulator, given: Json) -> Deed:
    repository = _repository(simulator, given)
    actor = _account(simulator, given["actor"]) if given.get("actor") else None
    return Deed(simulator.world, repository, actor, _at(simulator, given))


def _announce(simulator: Simulator, happenings: list[Happening]) -> None:
    for happening in happenings:
        simulator.announce(happening)


def _commits(deed: Deed, given: Json) -> list[Commit]:
    described = given.get("commits") or [{"message": given.get("title", "Work on it")}]
    count = sum(len(each.commits) for each in deed.repository.pull_requests.values())
    return [
        _commit(deed, each, (deed.repository.id, count, place))
        for place, each in enumerate(described)
    ]


def _commit(deed: Deed, described: Json, identity: tuple[int, ...]) -> Commit:
    authored_at = datetime.fromisoformat(described.get("authored_at", deed.at.isoformat()))
    return Commit(
        oid=described.get("oid") or new_oid(deed.at, *identity),
        authored_at=authored_at,
        committed_at=datetime.fromisoformat(described.get("committed_at", deed.at.isoformat())),
        message=described.get("message", "Work on it"),
        additions=described.get("additions", 10),
        deletions=described.get("deletions", 2),
        changed_files=described.get("changed_files", 1),
        author_name=deed.actor.name if deed.actor else None,
        author_email=deed.actor.email if deed.actor else None,
        author=deed.actor,
        committer=deed.actor,
    )


def _open(simulator: Simulator, given: Json) -> Json:
    deed = _deed(simulator, given)
    draft = Draft(
        title=given.get("title", "Work on it"),
        head_ref=given.get("head_ref", f"branch-{actions.next_number(deed.repository)}"),
        commits=_commits(deed, given),
        body=given.get("body", ""),
        is_draft=given.get("is_draft", False),
        labels=tuple(_label(deed.repository, name) for name in given.get("labels", ())),
    )
    pull_request, happenings = actions.open_pull_request(deed, draft)
    _announce(simulator, happenings)
    return {"number": pull_request.number, "node_id": pull_request.node_id, "id": pull_request.id}


def _label(repository: Repository, name: str) -> Label:
    known = {
        label.name: label for each in repository.pull_requests.values() for label in each.labels
    }
    number = repository.id * 100 + len(known) + 1
    return known.get(name) or Label(number, f"LA_{number}", name)


Do = Callable[[Deed, PullRequest, Json, Simulator], list[Happening]]


def _on_pull_request(do: Do) -> Callable[[Simulator, Json], Json]:
    def acted(simulator: Simulator, given: Json) -> Json:
        deed = _deed(simulator, given)
        pull_request = _pull_request(deed.repository, given)
        _announce(simulator, do(deed, pull_request, given, simulator))
        return {"number": pull_request.number, "state": pull_request.state}

    return acted


def _reviewer(simulator: Simulator, given: Json) -> Account | Team:
    if "team" not in given:
        return _account(simulator, given["reviewer"])
    for organization in simulator.world.organizations.values():
        for team in organization.teams:
            if team.slug == given["team"]:
                return team
    raise ImpossibleError(f"There is no team {given['team']}.")


def _review(pull_request: PullRequest, given: Json) -> Review:
    review = next((each for each in pull_request.reviews if each.id == given["review"]), None)
    if review is None:
        raise ImpossibleError(f"There is no review {given['review']}.")
    return review


def _dismiss(deed: Deed, pull_request: PullRequest, given: Json) -> list[Happening]:
    return actions.dismiss_review(deed, pull_request, _review(pull_request, given))


def _edit(deed: Deed, pull_request: PullRequest, given: Json) -> list[Happening]:
    field: Literal["title", "body"] = "title" if "title" in given else "body"
    return actions.edit(deed, pull_request, field, given[field])


def _rename_repository(simulator: Simulator, given: Json) -> Json:
    repository, old = _repository(simulator, given), _repository(simulator, given).name
    repository.former_names.append(repository.full_name)
    repository.name = given["name"]
    changes = {"changes": {"repository": {"name": {"from": old}}}}
    simulator.announce(Happening("repository", "renamed", repository, extra=changes))
    return {"full_name": repository.full_name}


def _transfer_repository(simulator: Simulator, given: Json) -> Json:
    repository, owner = _repository(simulator, given), _account(simulator, given["owner"])
    repository.former_names.append(repository.full_name)
    former, repository.owner = repository.owner, owner
    kind = "user" if former.type == "User" else "organization"
    shape = simple_user if kind == "user" else simple_organization
    extra = {"changes": {"owner": {"from": {kind: shape(simulator.url, former)}}}}
    simulator.announce(Happening("repository", "transferred", repository, extra=extra))
    return {"full_name": repository.full_name}


def _flag(name: str, value: bool, action: str) -> Callable[[Simulator, Json], Json]:
    def flagged(simulator: Simulator, given: Json) -> Json:
        repository = _repository(simulator, given)
        setattr(repository, name, value)
        simulator.announce(Happening("repository", action, repository))
        return {"full_name": repository.full_name}

    return flagged


def _delete_repository(simulator: Simulator, given: Json) -> None:
    repository = _repository(simulator, given)
    del simulator.world.repositories[repository.id]
    simulator.announce(Happening("repository", "deleted", repository))


def _delete_account(simulator: Simulator, given: Json) -> None:
    """The account turns into a ghost: nobody stands where it stood."""
    account, world = _account(simulator, given["login"]), simulator.world
    del world.accounts[account.id]
    for organization in world.organizations.values():
        organization.members.pop(account.id, None)
        for team in organization.teams:
            team.members = [number for number in team.members if number != account.id]
    for repository in world.repositories.values():
        for pull_request in repository.pull_requests.values():
            forget(pull_request, account)


def _rename_account(simulator: Simulator, given: Json) -> None:
    _account(simulator, given["login"]).login = given["new_login"]


def _add_member(simulator: Simulator, given: Json) -> None:
    account, organization = _account(simulator, given["login"]), _organization(simulator, given)
    organization.members[account.id] = given.get("role", "member")
    _membership_changed(simulator, organization, account, "member_added")


def _remove_member(simulator: Simulator, given: Json) -> None:
    account, organization = _account(simulator, given["login"]), _organization(simulator, given)
    organization.members.pop(account.id, None)
    _membership_changed(simulator, organization, account, "member_removed")


def _membership_changed(
    simulator: Simulator, organization: Organization, account: Account, action: str
) -> None:
    extra = {"member": account}
    told = Happening("organization", action, extra=extra, organization=organization)
    simulator.announce(told)


def _restrict(simulator: Simulator, given: Json) -> None:
    _organization(simulator, given).restricts_oauth_apps = given.get("on", True)


def _approve(simulator: Simulator, given: Json) -> None:
    _organization(simulator, given).approved_apps.add(given["client_id"])


def _require_sso(simulator: Simulator, given: Json) -> Json:
    organization = _organization(simulator, given)
    url = f"{simulator.url}/orgs/{organization.account.login}/sso"
    organization.saml_url = url if given.get("on", True) else None
    return {"url": organization.saml_url}


def _make_token(simulator: Simulator, given: Json) -> Json:
    owner = _account(simulator, given["login"])
    value = given.get("token") or new_token(given.get("prefix", "ghp"), simulator.random)
    chosen = given.get("organizations")
    seconds = given.get("expires_in")
    simulator.world.tokens[value] = Token(
        value,
        owner,
        list(given.get("scopes", ())),
        client_id=given.get("client_id"),
        organizations={_account(simulator, each).id for each in chosen} if chosen else None,
        expires_at=simulator.clock.now() + timedelta(seconds=seconds) if seconds else None,
    )
    return {"token": value}


def _revoke_token(simulator: Simulator, given: Json) -> None:
    if given["token"] not in simulator.world.tokens:
        raise ImpossibleError("There is no such token.")
    simulator.world.tokens[given["token"]].revoked = True


def _set_callbacks(simulator: Simulator, given: Json) -> None:
    app = simulator.world.oauth_apps.get(given["client_id"])
    if app is None:
        raise ImpossibleError(f"There is no OAuth app {given['client_id']}.")
    app.callback_urls = list(given["callback_urls"])
    app.expiring_tokens = given.get("expiring_tokens", app.expiring_tokens)


ACTS: dict[str, Callable[[Simulator, Json], Json | None]] = {
    "open": _open,
    "push": _on_pull_request(
        lambda deed, pr, given, _: actions.push(deed, pr, _commits(deed, given))
    ),
    "force_push": _on_pull_request(
        lambda deed, pr, given, _: actions.force_push(deed, pr, _commits(deed, given))
    ),
    "mark_ready": _on_pull_request(lambda deed, pr, *_: actions.mark_ready(deed, pr)),
    "convert_to_draft": _on_pull_request(lambda deed, pr, *_: actions.convert_to_draft(deed, pr)),
    "request_review": _on_pull_request(
        lambda deed, pr, given, simulator: actions.request_review(
            deed, pr, _reviewer(simulator, given)
        )
    ),
    "remove_review_request": _on_pull_request(
        lambda deed, pr, given, simulator: actions.remove_review_request(
            deed, pr, _reviewer(simulator, given)
        )
    ),
    "review": _on_pull_request(
        lambda deed, pr, given, _: actions.submit_review(
            deed, pr, given["state"], given.get("body", ""), given.get("comments", 0)
        )
    ),
    "dismiss_review": _on_pull_request(lambda deed, pr, given, _: _dismiss(deed, pr, given)),
    "comment": _on_pull_request(lambda deed, pr, *_: actions.comment(deed, pr)),
    "label": _on_pull_request(
        lambda deed, pr, given, _: actions.add_label(
            deed, pr, _label(deed.repository, given["label"])
        )
    ),
    "unlabel": _on_pull_request(
        lambda deed, pr, given, _: actions.remove_label(
            deed, pr, _label(deed.repository, given["label"])
        )
    ),
    "edit_review": _on_pull_request(
        lambda deed, pr, given, _: actions.edit_review(
            deed, pr, _review(pr, given), given.get("body", "")
        )
    ),
    "edit": _on_pull_request(lambda deed, pr, given, _: _edit(deed, pr, given)),
    "close": _on_pull_request(lambda deed, pr, *_: actions.close(deed, pr)),
    "reopen": _on_pull_request(lambda deed, pr, *_: actions.reopen(deed, pr)),
    "merge": _on_pull_request(lambda deed, pr, *_: actions.merge(deed, pr)),
    "rename_repository": _rename_repository,
    "transfer_repository": _transfer_repository,
    "delete_repository": _delete_repository,
    "archive_repository": _flag("archived", True, "archived"),
    "unarchive_repository": _flag("archived", False, "unarchived"),
    "privatize_repository": _flag("private", True, "privatized"),
    "publicize_repository": _flag("private", False, "publicized"),
    "delete_account": _delete_account,
    "rename_account": _rename_account,
    "add_member": _add_member,
    "remove_member": _remove_member,
    "restrict_oauth_apps": _restrict,
    "approve_oauth_app": _approve,
    "require_sso": _require_sso,
    "make_token": _make_token,
    "revoke_token": _revoke_token,
    "set_callbacks": _set_callbacks,
}
