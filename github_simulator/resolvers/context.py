"""The context of every resolver."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from graphql import GraphQLResolveInfo

from .. import access
from ..cost import Cost
from ..faults import Fault
from ..nodes import NodeIndex
from ..refusals import GitHubError
from ..state import Simulator
from ..world import Account, Repository, Token, World

Resolver = Callable[..., Any]
Resolvers = Mapping[str, Mapping[str, Resolver]]
Info = GraphQLResolveInfo

RESTRICTIONS = {
    "oauth": (
        "Although you appear to have the correct authorization credentials, the `{}` organization "
        "has enabled OAuth App access restrictions, meaning that data access to third-parties is "
        "limited. For more information on these restrictions, including how to enable this app, "
        "visit https://docs.github.com/articles/restricting-access-to-your-organization-s-data/"
    ),
    "saml": (
        "Resource protected by organization SAML enforcement. You must grant your OAuth token "
        "access to this organization."
    ),
}


NOT_ACCESSIBLE = "Resource not accessible by integration"


@dataclass
class Context:
    """One query: its caller, its cost, and the number of nodes it returned."""

    simulator: Simulator
    token: Token
    index: NodeIndex
    cost: Cost
    fault: Fault | None = None
    struck: Sequence[Fault] = ()
    nodes: int = 0
    sso_url: str | None = None  # if single sign-on is required

    @property
    def world(self) -> World:
        return self.simulator.world

    @cached_property
    def forks(self) -> dict[str, Repository]:
        """Repositories by full name: a page asks for the fork of each pull request."""
        return {each.full_name: each for each in self.world.repositories.values()}

    @property
    def viewer(self) -> Account:
        return self.token.account

    def address(self, path: str) -> str:
        return f"{self.simulator.url}{path}"

    def can_see(self, repository: Repository) -> bool:
        return access.can_see(self.world, repository, self.token)

    def admit(self, owner: Account) -> None:
        """Raises GitHubError if this organisation refuses the token."""
        if reason := access.restriction(self.world, owner, self.token):
            if reason == "saml":
                self.sso_url = self.world.organizations[owner.id].saml_url
            message = RESTRICTIONS[reason].format(owner.login)
            raise GitHubError("FORBIDDEN", message, saml_failure=reason == "saml")

    def admit_insider(self, owner: Account) -> None:
        """Raises GitHubError if the token may not see this organisation's members."""
        if self.token.installation is not None and not self.is_insider(owner):
            raise GitHubError("FORBIDDEN", NOT_ACCESSIBLE)
        chosen = self.token.organizations
        if chosen is not None and owner.id not in chosen:
            raise GitHubError("FORBIDDEN", "Resource not accessible by personal access token")

    def is_insider(self, owner: Account) -> bool:
        """Whether the token may see this organisation's members, including concealed ones."""
        return access.is_insider(self.world, owner, self.token)

    def admit_reader(self, repository: Repository, permission: str) -> None:
        """Raises GitHubError if an installation's token may not read this of a private one."""
        if repository.private and not access.allows(self.token, f"{permission}=read"):
            raise GitHubError("FORBIDDEN", NOT_ACCESSIBLE)

    def may_write(self, repository: Repository) -> bool:
        """Whether the token sees what requires push access, such as drafts."""
        if self.token.installation is not None:
            return access.allows(self.token, "contents=write")
        held = access.permission(self.world, repository, self.viewer)
        return held in ("WRITE", "ADMIN")

    def is_open(self, owner: Account) -> bool:
        """Whether lists include what belongs to this organisation."""
        chosen = self.token.organizations
        granted = chosen is None or owner.id in chosen or owner.id not in self.world.organizations
        return granted and access.restriction(self.world, owner, self.token) is None


def constant(value: Any) -> Resolver:
    return lambda source, info, **arguments: value


def attribute(name: str) -> Resolver:
    return lambda source, info: getattr(source, name)
