"""What the caller of a REST address, perhaps nobody, may see and do."""

from __future__ import annotations

from dataclasses import dataclass

from ..access import can_see, is_granted, permission, restriction
from ..world import Account, Organization, Repository, Token, World

RANKS = ("none", "pull", "triage", "push", "maintain", "admin")
_RANK_OF = {"READ": "pull", "WRITE": "push", "ADMIN": "admin", None: "none"}


@dataclass(frozen=True)
class Access:
    """A caller's eyes and hands."""

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
        """Such a token has permissions in place of scopes."""
        return self.token is not None and self.token.organizations is not None

    def has_scope(self, *wanted: str) -> bool:
        """True with any of the scopes, or with one that covers it."""
        token = self.token
        return token is not None and any(is_granted(token, scope) for scope in wanted)

    def is_member(self, organization: Organization) -> bool:
        return self.identity in organization.members

    def is_owner(self, organization: Organization) -> bool:
        return organization.members.get(self.identity) == "admin"

    def restricted(self, organization: Organization) -> bool:
        """True where the organisation keeps this OAuth app out."""
        return restriction(self.world, organization.account, self.token) == "oauth"

    def barred_by_saml(self, organization: Organization) -> bool:
        """True where the token must be authorised for single sign-on first."""
        barred = restriction(self.world, organization.account, self.token) == "saml"
        return barred and self.is_member(organization)

    def granted(self, account: Account) -> bool:
        """False where a fine-grained token was not made for this account."""
        chosen = self.token.organizations if self.token else None
        return chosen is None or account.id in chosen

    def permission(self, repository: Repository) -> str:
        """One of RANKS: the person's, whatever the token's scopes."""
        return _RANK_OF[permission(self.world, repository, self.account)]

    def blocked(self, repository: Repository) -> Organization | None:
        """The organisation whose rules keep the token from what its person may see."""
        organization = self.world.organizations.get(repository.owner.id)
        if organization is None or not repository.private or self.permission(repository) == "none":
            return None
        closed = self.restricted(organization) or self.barred_by_saml(organization)
        return organization if closed else None

    def sees(self, repository: Repository) -> bool:
        """True where the token reads the repository."""
        return can_see(self.world, repository, self.token) and self.blocked(repository) is None

    def may(self, repository: Repository, rank: str) -> bool:
        """True where the person has at least this permission on the repository."""
        return RANKS.index(self.permission(repository)) >= RANKS.index(rank)
