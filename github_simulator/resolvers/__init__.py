"""The result of each schema field, by type and field name."""

from __future__ import annotations

from . import accounts, commits, delivery, events, lists, pull_requests, repositories, roots
from .context import Context, Resolvers

__all__ = ["ALL", "Context", "Resolvers"]

ALL: Resolvers = {
    **roots.RESOLVERS,
    **accounts.RESOLVERS,
    **repositories.RESOLVERS,
    **commits.RESOLVERS,
    **delivery.RESOLVERS,
    **pull_requests.RESOLVERS,
    **events.RESOLVERS,
    **lists.RESOLVERS,
}
