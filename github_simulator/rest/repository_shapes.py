"""Repositories as REST shows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..instants import optional_zulu as instant
from ..world import Repository
from .accounts import Json, simple_organization, simple_user
from .caller import RANKS
from .endpoint import Call

_ADDRESSES = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


def plain_repository(url: str, repository: Repository) -> Json:
    """A repository inside other objects: without the caller's permissions."""
    full_name = repository.full_name
    own, page = f"{url}/api/v3/repos/{full_name}", f"{url}/{full_name}"
    waiting = sum(p.state == "OPEN" for p in repository.pull_requests.values())
    return {
        "id": repository.id,
        "node_id": repository.node_id,
        "name": repository.name,
        "full_name": full_name,
        "private": repository.private,
        "owner": simple_user(url, repository.owner),
        "html_url": page,
        "description": repository.description,
        "fork": repository.fork,
        "url": own,
        **{key: own + path for key, path in _ADDRESSES.items()},
        "git_url": f"git://{url.partition('://')[2]}/{full_name}.git",
        "ssh_url": f"git@{url.partition('://')[2]}:{full_name}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        "homepage": None,
        "mirror_url": None,
        "language": None,
        "license": None,
        "size": 0 if not repository.pull_requests else 1284,
        "created_at": instant(repository.created_at),
        "updated_at": instant(repository.updated_at),
        "pushed_at": instant(repository.pushed_at),
        "default_branch": repository.default_branch,
        "visibility": "private" if repository.private else "public",
        **_counts(waiting),
        **_features(repository),
    }


def _counts(waiting: int) -> Json:
    return {
        "forks": 0,
        "forks_count": 0,
        "stargazers_count": 0,
        "watchers": 0,
        "watchers_count": 0,
        "open_issues": waiting,
        "open_issues_count": waiting,
    }


def _features(repository: Repository) -> Json:
    return {
        "archived": repository.archived,
        "disabled": False,
        "has_issues": True,
        "has_projects": True,
        "has_downloads": True,
        "has_wiki": True,
        "has_pages": False,
        "has_discussions": False,
        "allow_forking": True,
        "is_template": False,
        "web_commit_signoff_required": False,
        "topics": [],
    }


def permissions(call: Call, repository: Repository) -> dict[str, bool]:
    rank = RANKS.index(call.access.permission(repository))
    return {name: rank >= RANKS.index(name) for name in reversed(RANKS[1:])}


def listed_repository(call: Call, repository: Repository) -> Json:
    shape = plain_repository(call.url, repository)
    if call.access.token:
        shape["permissions"] = permissions(call, repository)
    return shape


def full_repository(call: Call, repository: Repository) -> Json:
    shape = listed_repository(call, repository)
    shape |= {"network_count": 0, "subscribers_count": 0, "temp_clone_token": None}
    if repository.owner.type == "Organization":
        own = simple_user(call.url, repository.owner)
        shape["organization"] = own | simple_organization(call.url, repository.owner)
    return shape


def full_listed(call: Call, repositories: Iterable[Repository], default_sort: str) -> list[Json]:
    """A page of repositories, in the requested order."""
    return [
        listed_repository(call, r) for r in call.page(_sorted(call, repositories, default_sort))
    ]


def _sorted(call: Call, repositories: Iterable[Repository], default: str) -> list[Repository]:
    key = call.query("sort", default)
    direction = call.query("direction", "asc" if key == "full_name" else "desc")
    attribute = {"pushed": "pushed_at", "updated": "updated_at", "created": "created_at"}.get(key)

    def place(repository: Repository) -> Any:
        when = getattr(repository, attribute) if attribute else None
        return (when.timestamp() if when else 0, repository.full_name.casefold())

    return sorted(repositories, key=place, reverse=direction == "desc")
