"""Connections, their edges and their page info: the same for every list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..connections import Connection
from ..ordering import Key, encode
from .context import Info, Resolvers, constant

CONNECTIONS = (
    "Commit",
    "CommitHistory",
    "Deployment",
    "DeploymentStatus",
    "GitActor",
    "Release",
    "IssueComment",
    "Label",
    "Organization",
    "OrganizationMember",
    "PullRequest",
    "PullRequestCommit",
    "PullRequestReview",
    "PullRequestReviewComment",
    "PullRequestTimelineItems",
    "Repository",
    "ReviewRequest",
    "Team",
    "TeamMember",
)


@dataclass(frozen=True)
class Edge:
    connection: Connection
    key: Key
    node: Any


def _edges(connection: Connection, info: Info) -> list[Edge]:
    pairs = zip(connection.keys, connection.items, strict=False)
    return [Edge(connection, key, item) for key, item in pairs]


def _cursor(connection: Connection, place: int) -> str | None:
    return encode(connection.keys[place]) if connection.keys else None


CONNECTION = {
    "edges": _edges,
    "nodes": lambda connection, info: connection.items,
    "pageInfo": lambda connection, info: connection,
    "totalCount": lambda connection, info: connection.total,
}

EDGE = {
    "cursor": lambda edge, info: encode(edge.key),
    "node": lambda edge, info: edge.node,
}


def _member_role(edge: Edge, info: Info) -> str | None:
    organization = edge.connection.owner
    if info.context.viewer.id not in organization.members:
        return None
    return str(organization.members[edge.node.id]).upper()


RESOLVERS: Resolvers = {
    **{f"{name}Connection": CONNECTION for name in CONNECTIONS},
    **{f"{name}Edge": EDGE for name in CONNECTIONS},
    "RepositoryConnection": {**CONNECTION, "totalDiskUsage": constant(0)},
    "OrganizationMemberEdge": {
        **EDGE,
        "role": _member_role,
        "hasTwoFactorEnabled": constant(None),
    },
    "TeamMemberEdge": {**EDGE, "role": constant("MEMBER")},
    "PullRequestTimelineItemsConnection": {
        **CONNECTION,
        "filteredCount": lambda connection, info: connection.total,
        "pageCount": lambda connection, info: len(connection.items),
        "updatedAt": lambda connection, info: connection.owner.updated_at,
    },
    "PageInfo": {
        "endCursor": lambda connection, info: _cursor(connection, -1),
        "hasNextPage": lambda connection, info: connection.has_next,
        "hasPreviousPage": lambda connection, info: connection.has_previous,
        "startCursor": lambda connection, info: _cursor(connection, 0),
    },
}
