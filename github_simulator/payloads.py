"""The payload of a webhook event.

https://docs.github.com/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

from typing import Any

from .git import new_oid
from .happening import Happening
from .instants import optional_zulu, zulu
from .rest.accounts import (
    Json,
    full_team,
    membership,
    simple_organization,
    simple_user,
    team_anywhere,
)
from .rest.app_shapes import installation_shape
from .rest.delivery_shapes import delivered
from .rest.pull_shapes import (
    association,
    full_pull_request,
    label,
    review_shape,
    simple_pull_request,
)
from .rest.repository_shapes import plain_repository
from .state import Simulator
from .world import GHOST, Hook, Organization, PullRequest, Repository, Review, Team, World


class _Renderer:
    """Renders one event; everything is as it is now, not as at the time of delivery."""

    def __init__(self, simulator: Simulator, happening: Happening) -> None:
        self.url, self.world, self.happening = simulator.url, simulator.world, happening

    def payload(self) -> Json:
        payload = {"action": self.happening.action, **self.subject()}
        if self.happening.repository:
            payload["repository"] = plain_repository(self.url, self.happening.repository)
        if self.happening.installation:
            payload["installation"] = installation_shape(self.url, self.happening.installation)
        if organization := self.organization():
            payload["organization"] = simple_organization(self.url, organization.account)
        payload["sender"] = simple_user(self.url, self.happening.sender or GHOST)
        return payload

    def organization(self) -> Organization | None:
        repository = self.happening.repository
        owner = self.world.organizations.get(repository.owner.id) if repository else None
        return self.happening.organization or owner

    def subject(self) -> Json:
        match self.happening.event:
            case "pull_request":
                return self.pull_request()
            case "pull_request_review":
                return self.review()
            case "pull_request_review_comment":
                return self.review_comment()
            case "organization":
                return self.membership()
            case "membership" | "team":
                return self.team()
            case "member":
                return {"member": simple_user(self.url, self.happening.extra["member"])}
            case "deployment" | "deployment_status" | "release" | "workflow_run":
                return self.delivery()
            case "installation" | "installation_repositories":
                return dict(self.happening.extra)
            case _:
                return {name: v for name, v in self.happening.extra.items() if name == "changes"}

    def on(self) -> tuple[Repository, PullRequest]:
        repository, pull_request = self.happening.repository, self.happening.pull_request
        if repository is None or pull_request is None:
            raise ValueError(f"A {self.happening.event} event is about a pull request.")
        return repository, pull_request

    def pull_request(self) -> Json:
        repository, pull_request = self.on()
        extra = dict(self.happening.extra)
        payload = {
            "number": pull_request.number,
            "pull_request": full_pull_request(self.url, self.world, repository, pull_request),
        }
        reviewer = extra.pop("reviewer", None)
        if isinstance(reviewer, Team):
            payload["requested_team"] = team_anywhere(self.url, self.world, reviewer)
        elif reviewer:
            payload["requested_reviewer"] = simple_user(self.url, reviewer)
        if "label" in extra:
            payload["label"] = label(self.url, repository, extra.pop("label"))
        return {**payload, **extra}  # changes; before and after

    def review(self) -> Json:
        repository, pull_request = self.on()
        review = self.happening.review
        if review is None:
            raise ValueError("A review event is about a review.")
        payload = review_shape(self.url, self.world, repository, pull_request, review)
        payload |= {
            "state": review.state.lower(),
            "body": review.body or None,
            "commit_id": review.commit_oid or pull_request.head_oid,
            "submitted_at": optional_zulu(review.submitted_at),
            "updated_at": zulu(review.updated_at),
        }
        return {
            "review": payload,
            "pull_request": simple_pull_request(self.url, self.world, repository, pull_request),
            **self.happening.extra,
        }

    def review_comment(self) -> Json:
        repository, pull_request = self.on()
        review, position = self.happening.review, self.happening.extra.get("position", 0)
        if review is None:
            raise ValueError("A review comment event is about a review.")
        return {
            "comment": _comment(self.url, self.world, repository, pull_request, review, position),
            "pull_request": simple_pull_request(self.url, self.world, repository, pull_request),
        }

    def membership(self) -> Json:
        organization, member = self.happening.organization, self.happening.extra.get("member")
        if organization is None or member is None:
            return dict(self.happening.extra)
        role = {member.id: organization.members.get(member.id, "member")}
        shown = Organization(organization.account, members={**organization.members, **role})
        payload = membership(self.url, shown, member)
        return {"membership": {k: payload[k] for k in (*_MEMBERSHIP, "user")}}

    def delivery(self) -> Json:
        """The payload; a field of the extra that is no object of the world is unchanged."""
        repository, extra = self.happening.repository, dict(self.happening.extra)
        if repository is None:
            raise ValueError(f"A {self.happening.event} event is about a repository.")
        return delivered(self.url, repository, extra)

    def team(self) -> Json:
        organization, extra = self.happening.organization, dict(self.happening.extra)
        if organization is None:
            raise ValueError(f"A {self.happening.event} event is about an organisation's team.")
        if "member" in extra:
            extra["member"] = simple_user(self.url, extra["member"])
        return {**extra, "team": full_team(self.url, organization, extra["team"])}


_MEMBERSHIP = ("url", "state", "role", "organization_url")


def payload(simulator: Simulator, happening: Happening) -> Json:
    """The body of an event's deliveries."""
    return _Renderer(simulator, happening).payload()


def ping(simulator: Simulator, home: Repository | Organization, hook: Hook, own: Json) -> Json:
    """The first delivery to a new hook. `own` is the hook as REST shows it."""
    payload: Json = {"zen": "Approachable is better than simple.", "hook_id": hook.id, "hook": own}
    return payload | _home(simulator, home, hook)


def removed(simulator: Simulator, home: Repository | Organization, hook: Hook, own: Json) -> Json:
    """The last delivery to a hook, when it was deleted."""
    payload: Json = {"action": "deleted", "hook_id": hook.id, "hook": own}
    return payload | _home(simulator, home, hook)


def _home(simulator: Simulator, home: Repository | Organization, hook: Hook) -> Json:
    sender = simulator.world.accounts.get(hook.creator or 0, GHOST)
    payload: Json = {"sender": simple_user(simulator.url, sender)}
    if isinstance(home, Repository):
        return {"repository": plain_repository(simulator.url, home), **payload}
    return {"organization": simple_organization(simulator.url, home.account), **payload}


def _comment(
    url: str,
    world: World,
    repository: Repository,
    pull_request: PullRequest,
    review: Review,
    position: int,
) -> Json:
    number = review.id * 10 + position
    page = f"{url}/{repository.full_name}/pull/{pull_request.number}#discussion_r{number}"
    own = f"{url}/api/v3/repos/{repository.full_name}/pulls/comments/{number}"
    pull = f"{url}/api/v3/repos/{repository.full_name}/pulls/{pull_request.number}"
    commit = review.commit_oid or new_oid(review.id)
    links = {"self": own, "html": page, "pull_request": pull}
    return {
        "id": number,
        "node_id": f"PRRC_{number}",
        "url": own,
        "html_url": page,
        "pull_request_url": pull,
        "pull_request_review_id": review.id,
        "_links": {name: {"href": address} for name, address in links.items()},
        "user": simple_user(url, review.author) if review.author else None,
        "author_association": association(world, repository, review.author),
        "body": "Could this be simpler?",
        "created_at": optional_zulu(review.submitted_at),
        "updated_at": zulu(review.updated_at),
        "commit_id": commit,
        "original_commit_id": commit,
        **_place(position),
        "reactions": _reactions(own),
    }


def _place(position: int) -> Json:
    line = 7 + position
    place: Json = {"path": "src/main.py", "diff_hunk": "@@ -1,4 +1,9 @@", "side": "RIGHT"}
    lines = {"line": line, "original_line": line, "position": line, "original_position": line}
    return place | lines | {"start_line": None, "original_start_line": None, "start_side": None}


def _reactions(own: str) -> dict[str, Any]:
    kinds = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")
    return {"url": f"{own}/reactions", "total_count": 0, **dict.fromkeys(kinds, 0)}
