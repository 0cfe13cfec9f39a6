"""What the caller of a REST endpoint, possibly anonymous, may see and do."""

from __future__ import annotations

from dataclasses import dataclass

from ..access import can_see, is_granted, permission, restriction
from ..world import Account, Organization, Repository, Token, World

RANKS = ("none", "pull", "triage", "push", "maintain", "admin")
_RANK_OF = {"READ": "pull", "WRITE": "push", "ADMIN": "admin", None: "none"}


@dataclass(frozen=True)
class Access:
    """A caller's access."""

    world: World
    token: Token | None

    @property
    def account(self) -> Account | None:
        return self.token.account if self.token else None

    @property
    def identity(self) -> int:
        """The caller's account id; 0 for nobody."""
        return self.token.account.id if self.token else 0

    @property
    def is_fine_grained(self) -> bool:
        """Whether the token has permissions instead of scopes."""
        return self.token is not None and self.token.organizations is not None

    def has_scope(self, *wanted: str) -> bool:
        """Whether it has any of the scopes, or one that includes it."""
        token = self.token
        return token is not None and any(is_granted(token, scope) for scope in wanted)

    def is_member(self, organization: Organization) -> bool:
        return self.identity in organization.members

    def is_owner(self, organization: Organization) -> bool:
        return organization.members.get(self.identity) == "admin"

    def restricted(self, organization: Organization) -> bool:
        """Whether the organisation refuses this OAuth app."""
        return restriction(self.world, organization.account, self.token) == "oauth"

    def barred_by_saml(self, organization: Organization) -> bool:
        """Whether the token must be authorised for single sign-on first."""
        barred = restriction(self.world, organization.account, self.token) == "saml"
        return barred and self.is_member(organization)

    def granted(self, account: Account) -> bool:
        """False if a fine-grained token was not created for this account."""
        chosen = self.token.organizations if self.token else None
        return chosen is None or account.id in chosen

    def permission(self, repository: Repository) -> str:
        """One of RANKS: the person's, whatever the token's scopes."""
        return _RANK_OF[permission(self.world, repository, self.account)]

    def blocked(self, repository: Repository) -> Organization | None:
        """The organisation whose rules deny the token what its person may see."""
        organization = self.world.organizations.get(repository.owner.id)
        if organization is None or not repository.private or self.permission(repository) == "none":
            return None
        closed = self.restricted(organization) or self.barred_by_saml(organization)
        return organization if closed else None

    def sees(self, repository: Repository) -> bool:
        """Whether the token can read the repository."""
        return can_see(self.world, repository, self.token) and self.blocked(repository) is None

    def may(self, repository: Repository, rank: str) -> bool:
        """Whether the person has at least this permission on the repository."""
        return RANKS.index(self.permission(repository)) >= RANKS.index(rank)
