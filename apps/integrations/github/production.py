"""Fetches deployments and releases: by page from the newest, or by id.

Deployments are identified by node id: `databaseId` is an Int, and their ids exceed 2^31.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import msgspec

from apps.integrations.github import records
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import ScopeMissingError, UnavailableError
from apps.integrations.github.lists import in_fewer, refuse_endless
from apps.integrations.github.production_records import (
    DeploymentNode,
    Newest,
    NewestNode,
    NewestRelease,
    NotGrantedError,
    Page,
    ReleaseNode,
    ReportedDeployment,
    Status,
    next_of,
    repository_of,
)
from apps.integrations.github.reading import decode
from apps.integrations.github.replies import Problem, error_from_problem, problems_by_item

AT_ONCE = 100
_LEFT_OUT = "GitHub left out a part."
_PERMISSIONS = {"deployments": "deployments", "releases": "contents"}


def newest(github: GitHub, ids: Sequence[str]) -> list[Newest | None]:
    """The newest deployment and release of each repository, by node id, in order; None if missing.

    If GitHub refuses one kind, it returns nothing at all; the other is then requested separately.
    """
    return in_fewer(ids, lambda some: _newest_of_some(github, some))


def _newest_of_some(github: GitHub, ids: Sequence[str]) -> list[Newest | None]:
    found = _newest(github, "newest_deliveries", ids)
    refused = [n for n, one in enumerate(found) if one and "deployments" in one.not_granted]
    if refused:
        again = _newest(github, "newest_releases", [ids[n] for n in refused])
        for n, other in zip(refused, again, strict=True):
            missing = ("deployments", *(other.not_granted if other else ()))
            found[n] = Newest(None, other.release if other else None, missing)
    return found


def _newest(github: GitHub, name: str, ids: Sequence[str]) -> list[Newest | None]:
    reply = github.graphql(name, {"ids": list(ids)})
    problems = problems_by_item(reply.problems, "nodes")
    found = decode(reply.data, records.NodesReply[NewestNode]).nodes
    return [_newest_of(node, problems.get(index, ())) for index, node in enumerate(found)]


def _newest_of(node: NewestNode | None, problems: Sequence[Problem]) -> Newest | None:
    parts = [(each.path or [])[2:3] for each in problems if each.kind == "FORBIDDEN"]
    named = [_PERMISSIONS[str(part[0])] for part in parts if part and part[0] in _PERMISSIONS]
    missing = tuple(sorted(named))
    if node is None:
        return Newest(None, None, missing) if missing else None
    first = next((one.id for one in node.deployments.items), "") if node.deployments else None
    release = _known_by(node.releases) if node.releases else None
    return Newest(first, release, missing)


def _known_by(page: records.Page[NewestRelease]) -> str:
    """A fingerprint that changes when a release is new, promoted, published or gone."""
    if not page.items:
        return ""
    listed = [[one.id, one.published_at, one.is_draft, one.is_prerelease] for one in page.items]
    return sha256(msgspec.json.encode([page.total_count, listed])).hexdigest()


def deployments(
    github: GitHub,
    node_id: str,
    after: str = "",
    environments: Sequence[str] = (),
    page_size: int = AT_ONCE,
    empties: int = 0,
) -> Page:
    """A page of a repository's deployments, newest first, each with all its statuses.

    Raises NotGrantedError if the permission is missing.
    """
    variables = {
        "id": node_id,
        "first": page_size,
        "after": after or None,
        "environments": list(environments) or None,
    }
    found = repository_of(github.graphql("deployments", variables), "deployments")
    page = found.deployments
    if page is None or page.nodes is None:
        raise UnavailableError(_LEFT_OUT)
    if empties := refuse_endless(page.page_info, after, page.nodes, empties):
        return deployments(
            github, node_id, next_of(page.page_info), environments, page_size, empties
        )
    complete = [_with_all_statuses(github, each) for each in page.items]
    readable = [one for each in complete if (one := _deployment(each))]
    is_complete = len(readable) == len(page.nodes) and all(map(_has_statuses, complete))
    return Page(readable, next_of(page.page_info), is_complete)


def deployments_by_id(github: GitHub, ids: Sequence[str]) -> dict[str, ReportedDeployment]:
    """Deployments by the ids that were asked for; those gone or unreadable are left out.

    A webhook may report another form of an id than the API: see GitHub's migration of node ids.

    Raises NotGrantedError if the permission is missing for all of them.
    """
    reply = github.graphql("deployments_by_id", {"ids": list(ids)})
    spoilt = problems_by_item([p for p in reply.problems if p.kind != "NOT_FOUND"], "nodes")
    found = decode(reply.data, records.NodesReply[DeploymentNode]).nodes
    there = {ids[index]: each for index, each in enumerate(found) if each and index not in spoilt}
    errors = (error_from_problem(problems[0]) for problems in spoilt.values())
    if not there and any(isinstance(error, ScopeMissingError) for error in errors):
        raise NotGrantedError("deployments")
    complete = {key: _with_all_statuses(github, each) for key, each in there.items()}
    return {
        key: one
        for key, each in complete.items()
        if _has_statuses(each) and (one := _deployment(each))
    }


def _with_all_statuses(github: GitHub, found: DeploymentNode) -> DeploymentNode:
    page = found.statuses
    if page is None or not page.page_info.has_next_page:
        return found
    statuses = list(page.nodes or ())
    empties = 0
    while page and page.page_info.has_next_page:
        after = page.page_info.end_cursor
        reply = github.graphql("deployment_statuses", {"id": found.id, "after": after})
        page = repository_of(reply, "deployments").statuses
        if page is None:
            raise UnavailableError(_LEFT_OUT)
        empties = refuse_endless(page.page_info, after, page.nodes, empties)
        statuses += page.nodes or ()
    return msgspec.structs.replace(found, statuses=records.Page(nodes=statuses))


def _deployment(found: DeploymentNode) -> ReportedDeployment | None:
    """The deployment, if its commit and time are known; else None."""
    if not found.commit_oid or not found.created_at:
        return None
    statuses = found.statuses.items if found.statuses else []
    succeeded = [each.created_at for each in statuses if each.state == "SUCCESS"]
    return ReportedDeployment(
        id=found.id,
        sha=found.commit_oid,
        requested_at=found.created_at,
        deployed_at=min((at for at in succeeded if at), default=None),
        environment=found.environment or found.original_environment or "",
        state=_latest(found, statuses).lower(),
        name=(found.ref and found.ref.name) or "",
    )


def _has_statuses(found: DeploymentNode) -> bool:
    nodes = found.statuses.nodes if found.statuses else None
    return nodes is not None and None not in nodes


def _latest(found: DeploymentNode, statuses: Sequence[Status]) -> str:
    """The latest status, from the list if the field itself is missing."""
    if found.latest_status:
        return found.latest_status.state
    dated = [(each.created_at, each.state) for each in statuses if each.created_at]
    return max(dated)[1] if dated else "PENDING"


def releases(github: GitHub, node_id: str, after: str = "", empties: int = 0) -> Page:
    """A page of a repository's published releases, without drafts and prereleases.

    Raises NotGrantedError if the permission is missing.
    """
    reply = github.graphql("releases", {"id": node_id, "after": after or None})
    page = repository_of(reply, "contents").releases
    if page is None or page.nodes is None:
        raise UnavailableError(_LEFT_OUT)
    if empties := refuse_endless(page.page_info, after, page.nodes, empties):
        return releases(github, node_id, next_of(page.page_info), empties)
    # A release whose flags are unknown may be a draft or a prerelease: it does not count.
    published = [each for each in page.items if not (each.is_draft or each.is_prerelease)]
    published_by_id = {each.id: _release(each) for each in published}
    # A tag may be deleted: that is no gap, provided GitHub reports no error for it.
    is_complete = all(each.is_bearable for each in reply.problems) and all(
        map(_is_reported, page.nodes)
    )
    return Page(
        [one for one in published_by_id.values() if one],
        next_of(page.page_info),
        is_complete,
        unreadable=tuple(key for key, one in published_by_id.items() if one is None),
    )


def _is_reported(found: ReleaseNode | None) -> bool:
    return bool(found and (found.is_draft or found.published_at))


def _release(found: ReleaseNode) -> ReportedDeployment | None:
    is_final = found.is_draft is False and found.is_prerelease is False
    if not (is_final and found.tag_commit and found.published_at):
        return None
    return ReportedDeployment(
        id=found.id,
        sha=found.tag_commit.oid,
        requested_at=found.published_at,
        deployed_at=found.published_at,
        state="published",
        name=found.tag_name or "",
        url=found.url or "",
    )
