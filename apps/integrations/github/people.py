"""The people and repositories of an account, as typed records, a page at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from apps.integrations.github import replies
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import GitHubError, NotFoundError, UnavailableError
from apps.integrations.github.lists import refuse_circle
from apps.integrations.github.reading import decode
from apps.integrations.github.records import Page, PageInfo, Record, Repository

T = TypeVar("T")


class Person(Struct, frozen=True):
    """A member of an organisation, or the owner of a personal account."""

    github_id: int
    login: str
    name: str = ""
    avatar_url: str = ""
    role: str = "member"
    is_bot: bool = False


class Account(Struct, frozen=True):
    """An organisation or a personal account, as REST gives it."""

    id: int
    login: str
    type: str = "Organization"
    name: str | None = None
    avatar_url: str = ""


class ListedRepository(Struct, frozen=True):
    """A repository, by REST's names."""

    id: int
    node_id: str
    full_name: str
    private: bool = False
    archived: bool = False
    fork: bool = False
    default_branch: str | None = None
    pushed_at: datetime | None = None
    html_url: str = ""

    @classmethod
    def of(cls, record: Repository) -> ListedRepository:
        """The same, from what GraphQL says of one."""
        branch = record.default_branch_ref
        return cls(
            id=record.database_id,
            node_id=record.id,
            full_name=record.name_with_owner,
            private=bool(record.is_private),
            archived=bool(record.is_archived),
            fork=bool(record.is_fork),
            default_branch=branch.name if branch else None,
            pushed_at=record.pushed_at,
            html_url=record.url or "",
        )


class GroupMember(Record, frozen=True):
    """A person in a team, by id."""

    database_id: int | None = None


class GroupRecord(Record, frozen=True):
    """A team of an organisation, and the first of its members."""

    id: str
    database_id: int
    slug: str
    name: str
    members: Page[GroupMember]


class _User(Record, frozen=True):
    login: str
    database_id: int | None = None
    typename: str = msgspec.field(name="__typename", default="User")
    name: str | None = None
    avatar_url: str = ""


class _Edge(Record, frozen=True):
    role: str | None = None
    node: _User | None = None


class _Members(Record, frozen=True):
    edges: list[_Edge | None] | None = None
    page_info: PageInfo = PageInfo(False)


class _Organization(Record, frozen=True):
    members_with_role: _Members | None = None
    teams: Page[GroupRecord] | None = None


class _OrganizationReply(Record, frozen=True):
    organization: _Organization | None = None


class _Team(Record, frozen=True):
    members: Page[GroupMember] | None = None


class _TeamReply(Record, frozen=True):
    node: _Team | None = None


def account(github: GitHub) -> Account:
    """Whose token it is."""
    return _as(github.get("/user").data, Account)


def user(github: GitHub, login: str) -> Account:
    """A personal account by its login."""
    return _as(github.get(f"/users/{login}").data, Account)


def organizations(github: GitHub) -> Iterator[Account]:
    """The organisations that the token can see; those that restrict OAuth apps are left out."""
    for page in github.pages("/user/orgs"):
        yield from _as(page, list[Account])


def organization(github: GitHub, login: str) -> Account:
    """An organisation by its login."""
    return _as(github.get(f"/orgs/{login}").data, Account)


def is_member(github: GitHub, organization: str) -> bool:
    """Whether the token's owner belongs to the organisation."""
    try:
        reply = github.get(f"/user/memberships/orgs/{organization}")
    except NotFoundError:
        return False
    return bool(_as(reply.data, dict[str, Any]).get("state") == "active")


def members(github: GitHub, organization: str) -> Iterator[list[Person]]:
    """Everyone in the organisation with their role, in pages."""
    after = None
    while True:
        found = _ask(github, "members", organization, after).members_with_role or _Members()
        yield [_person(edge) for edge in found.edges or () if edge and edge.node]
        refuse_circle(found.page_info, after)
        if not found.page_info.has_next_page:
            return
        after = found.page_info.end_cursor


def groups(github: GitHub, organization: str) -> Iterator[tuple[GroupRecord, list[int]]]:
    """The organisation's teams that the token can see, each with the ids of its members."""
    after = None
    while True:
        page = _ask(github, "groups", organization, after).teams or Page[GroupRecord]()
        for group in page.items:
            yield group, _ids(group.members.items) + _rest(github, group)
        refuse_circle(page.page_info, after)
        if not page.page_info.has_next_page:
            return
        after = page.page_info.end_cursor


def repositories(
    github: GitHub, owner: str, owner_type: str, following: str = ""
) -> tuple[list[ListedRepository], str]:
    """A page of the account's repositories that the token can see, and the address of the next."""
    if following:
        page, following = github.page(following)
    elif owner_type == "Organization":
        page, following = github.page(f"/orgs/{owner}/repos", type="all", per_page=100)
    else:
        page, following = github.page("/user/repos", affiliation="owner", per_page=100)
    return _as(page, list[ListedRepository]), following


def _ask(github: GitHub, name: str, login: str, after: str | None) -> _Organization:
    reply = github.graphql(name, {"login": login, "after": after})
    _refuse_parts(reply.problems)
    told: _OrganizationReply = decode(reply.data, _OrganizationReply)
    if told.organization is None:
        raise NotFoundError(f"GitHub shows no organisation {login} to this token.")
    return told.organization


def _rest(github: GitHub, group: GroupRecord) -> list[int]:
    found: list[int] = []
    page: PageInfo = group.members.page_info
    while page.has_next_page:
        reply = github.graphql("group_members", {"id": group.id, "after": page.end_cursor})
        _refuse_parts(reply.problems)
        team = decode(reply.data, _TeamReply).node
        members = (team and team.members) or Page[GroupMember]()
        found += _ids(members.items)
        refuse_circle(members.page_info, page.end_cursor)
        page = members.page_info
    return found


def _ids(people: Sequence[GroupMember]) -> list[int]:
    return [person.database_id for person in people if person.database_id is not None]


def _person(edge: _Edge) -> Person:
    user = edge.node or _User("")
    return Person(
        github_id=user.database_id or 0,
        login=user.login,
        name=user.name or "",
        avatar_url=user.avatar_url,
        role=(edge.role or "member").lower(),
        is_bot=user.typename == "Bot",
    )


def _as(data: Any, kind: type[T]) -> T:
    try:
        return msgspec.convert(data, kind, strict=False)
    except msgspec.ValidationError as error:
        raise UnavailableError(f"GitHub's reply cannot be read ({error}).") from None


def _refuse_parts(problems: Sequence[Any]) -> None:
    # Who is missing from half a list would look like someone who left.
    for problem in problems:
        error: GitHubError = replies.error_from_problem(problem)
        raise error
