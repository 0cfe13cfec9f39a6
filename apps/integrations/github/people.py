"""The people and repositories of an account, as typed records, a page at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from apps.integrations.github import limits
from apps.integrations.github.client import GitHub, GraphQLReply
from apps.integrations.github.errors import GitHubError, NotFoundError
from apps.integrations.github.lists import refuse_endless
from apps.integrations.github.reading import decode, of_rest
from apps.integrations.github.records import Page, PageInfo, Record, Repository
from apps.integrations.github.replies import Problem, problems_by_item

T = TypeVar("T")

MOST = 100
MOST_GROUPS = 50


class Person(Struct, frozen=True):
    """A member of an organisation, or the owner of a personal account.

    Name and role are None if GitHub could not return them.
    """

    github_id: int
    login: str
    name: str | None = ""
    avatar_url: str = ""
    role: str | None = "member"
    is_bot: bool = False


class Account(Struct, frozen=True):
    """An organisation or a personal account, as REST returns it."""

    id: int
    login: str
    type: str = "Organization"
    name: str | None = None
    avatar_url: str = ""


class ListedRepository(Struct, frozen=True):
    """A repository, with REST's field names."""

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
        """Converts the GraphQL record of a repository."""
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


@dataclass(frozen=True)
class Part(Generic[T]):
    """A page of a list, or some of its items.

    If it is not complete, GitHub left out items that may still exist. `next` is the cursor with
    which reading can go on later; empty: from the beginning, or at the end.
    """

    items: list[T]
    is_complete: bool = True
    next: str = ""
    is_public: bool = False
    """Whether the token sees only the organisation's public members."""


@dataclass(frozen=True)
class ListedGroup:
    """A team of an organisation with the ids of its members; `is_complete` and `next` as in `Part`.

    With a `next` it has more members than were read so far.
    """

    github_id: int
    slug: str
    name: str
    member_ids: list[int]
    is_complete: bool
    next: str = ""


class _GroupMember(Record, frozen=True):
    database_id: int | None = None


class _Group(Record, frozen=True):
    id: str
    database_id: int
    slug: str
    name: str
    members: Page[_GroupMember]


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
    viewer_is_a_member: bool | None = None
    members_with_role: _Members | None = None
    teams: Page[_Group] | None = None


class _OrganizationReply(Record, frozen=True):
    organization: _Organization | None = None


class _Team(Record, frozen=True):
    members: Page[_GroupMember] | None = None


class _TeamReply(Record, frozen=True):
    node: _Team | None = None


def account(github: GitHub) -> Account:
    """The token's account."""
    return of_rest(github.get("/user").data, Account)


def user(github: GitHub, login: str) -> Account:
    """A personal account by its login."""
    return of_rest(github.get(f"/users/{login}").data, Account)


def organizations(github: GitHub) -> Iterator[Account]:
    """The organisations visible to the token, without those that restrict OAuth apps."""
    for page in github.pages("/user/orgs"):
        yield from filter(None, of_rest(page, list[Account | None]))


def organization(github: GitHub, login: str) -> Account:
    """An organisation by its login."""
    return of_rest(github.get(f"/orgs/{login}").data, Account)


def is_member(github: GitHub, organization: str) -> bool:
    """Whether the token's owner is a member of the organisation."""
    try:
        reply = github.get(f"/user/memberships/orgs/{organization}")
    except NotFoundError:
        return False
    return bool(of_rest(reply.data, dict[str, Any]).get("state") == "active")


def members(github: GitHub, organization: str, after: str = "") -> Iterator[Part[Person]]:
    """The organisation's members with their roles, in pages from the cursor `after` on."""
    lists = _Lists(github, "members", MOST)
    empties = 0
    while True:
        asked, problems = lists.of(organization, after, "membersWithRole", "edges")
        page = asked.members_with_role or _Members()
        edges = page.edges or []
        people = [_person(edge, problems.get(n, ())) for n, edge in enumerate(edges)]
        items = [person for person in people if person]
        empties = refuse_endless(page.page_info, after, edges, empties)
        after = _next(page.page_info)
        is_complete = page.edges is not None and len(items) == len(edges)
        yield Part(items, is_complete, after, asked.viewer_is_a_member is False)
        if not after:
            return


def groups(
    github: GitHub,
    organization: str,
    after: str = "",
    known: Collection[int] = (),
    begun: ListedGroup | None = None,
) -> Iterator[Part[ListedGroup]]:
    """The organisation's teams that are visible to the token, from the cursor `after` on.

    Each is a part of its own, after each page of its members; `known` ones are left out, and the
    one that was `begun` goes on.
    """
    lists = _Lists(github, "groups", MOST_GROUPS)
    empties = 0
    while True:
        asked, _ = lists.of(organization, after, "teams", "nodes")
        page = asked.teams or Page[_Group]()
        for one in page.items:
            if one.database_id not in known:
                is_begun = begun is not None and begun.github_id == one.database_id
                for found in _group(github, one, begun if is_begun else None):
                    yield Part([found], next=after)
        empties = refuse_endless(page.page_info, after, page.nodes, empties)
        after = _next(page.page_info)
        yield Part([], _is_complete(page), after)
        if not after:
            return


def repositories(
    github: GitHub, owner: str, owner_type: str, following: str = ""
) -> tuple[Part[ListedRepository], str]:
    """A page of the account's repositories visible to the token, and the URL of the next."""
    if following:
        page, following = github.page(following)
    elif owner_type == "Organization":
        page, following = github.page(f"/orgs/{owner}/repos", type="all", per_page=100)
    else:
        page, following = github.page("/user/repos", affiliation="owner", per_page=100)
    return listed(page), following


def listed(page: Any) -> Part[ListedRepository]:
    """Repositories from a REST list, without items that lack an id."""
    found = of_rest(page, list[ListedRepository | None])
    items = [one for one in found if one]
    return Part(items, len(items) == len(found))


@dataclass
class _Lists:
    """Requests pages of a list, and shorter ones from where GitHub found one too heavy on."""

    github: GitHub
    query: str
    size: int

    def of(
        self, login: str, after: str, *below: str
    ) -> tuple[_Organization, dict[int, list[Problem]]]:
        """The organisation's data, and the problems of items of the list `below` it."""
        reply = self.page({"login": login, "after": after or None})
        problems = problems_by_item(reply.problems, "organization", *below)
        answer: _OrganizationReply = decode(reply.data, _OrganizationReply)
        if answer.organization is None:
            raise NotFoundError(f"GitHub shows no organisation {login} to this token.")
        return answer.organization, problems

    def page(self, variables: dict[str, Any]) -> GraphQLReply:
        """A page, of as many items as GitHub can return."""
        while True:
            try:
                return self.github.graphql(self.query, {**variables, "first": self.size})
            except GitHubError as error:
                if not error.is_heavy or self.size == 1:
                    raise
                self.size = limits.fewer(self.size)


def _next(page: PageInfo) -> str:
    return (page.end_cursor or "") if page.has_next_page else ""


def _group(github: GitHub, group: _Group, begun: ListedGroup | None) -> Iterator[ListedGroup]:
    """The team after each page of its members, with all members read so far."""
    ids = begun.member_ids if begun else []
    is_complete = begun is None or begun.is_complete
    pages = _rest(github, group, begun.next) if begun else _members(github, group)
    for page in pages:
        found = [person.database_id for person in page.items if person.database_id is not None]
        is_complete = is_complete and len(found) == len(page.items) and _is_complete(page)
        ids = [*ids, *found]
        following = _next(page.page_info)
        yield ListedGroup(group.database_id, group.slug, group.name, ids, is_complete, following)


def _members(github: GitHub, group: _Group) -> Iterator[Page[_GroupMember]]:
    yield group.members
    if following := _next(group.members.page_info):
        yield from _rest(github, group, following)


def _rest(github: GitHub, group: _Group, after: str) -> Iterator[Page[_GroupMember]]:
    lists = _Lists(github, "group_members", MOST)
    empties = 0
    while after:
        reply = lists.page({"id": group.id, "after": after})
        team = decode(reply.data, _TeamReply).node
        page = (team and team.members) or Page[_GroupMember]()
        empties = refuse_endless(page.page_info, after, page.nodes, empties)
        yield page
        after = _next(page.page_info)


def _is_complete(page: Page[Any]) -> bool:
    return page.nodes is not None and None not in page.nodes


def _person(edge: _Edge | None, problems: Iterable[Problem]) -> Person | None:
    """A member; None if GitHub did not say who it is."""
    user = edge.node if edge else None
    if edge is None or user is None or not user.database_id:
        return None
    is_named = not any((problem.path or [])[-1:] == ["name"] for problem in problems)
    return Person(
        github_id=user.database_id,
        login=user.login,
        name=user.name or ("" if is_named else None),
        avatar_url=user.avatar_url,
        role=edge.role.lower() if edge.role else None,
        is_bot=user.typename == "Bot",
    )
