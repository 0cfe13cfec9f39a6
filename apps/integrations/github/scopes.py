"""PURE: OAuth scopes, and which scopes each includes.

https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps
"""

from __future__ import annotations

from collections.abc import Iterable

NEEDED = ("read:org", "repo", "read:user")
ORGANIZATION_HOOK = "admin:org_hook"

_INCLUDES = {
    "repo": {"repo:status", "repo_deployment", "public_repo", "repo:invite", "security_events"},
    "admin:org": {"write:org", "read:org"},
    "write:org": {"read:org"},
    "user": {"read:user", "user:email", "user:follow"},
    "admin:repo_hook": {"write:repo_hook", "read:repo_hook"},
    "write:repo_hook": {"read:repo_hook"},
}


def parse(text: str) -> list[str]:
    """Scopes in GitHub's notation, separated by commas or spaces."""
    return [scope for scope in text.replace(",", " ").split() if scope]


def missing(granted: Iterable[str], needed: Iterable[str] = NEEDED) -> list[str]:
    """The needed scopes that no granted one includes."""
    held = set(granted)
    for scope in list(held):
        held |= _INCLUDES.get(scope, set())
    return [scope for scope in needed if scope not in held]
