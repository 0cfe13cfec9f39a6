"""The made world: an organisation with people and pull requests, from a seed."""

from __future__ import annotations

from .world import Account, Organization, World


def generate(seed: int) -> World:
    """A world that is the same for the same seed."""
    account = Account(1_000_001, "O_kgDOAA9CQQ", "acme", "Organization", "Acme")
    alice = Account(1_000_002, "U_kgDOAA9CQg", "alice", "User", "Alice", "alice@example.com")
    organization = Organization(account, members={alice.id: "admin"})
    return World({account.id: account, alice.id: alice}, {account.id: organization})
