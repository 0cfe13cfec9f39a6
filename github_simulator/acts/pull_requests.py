"""Acts of pull requests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from .. import actions, queueing
from ..actions import Deed, Draft
from ..changes import CHANGES
from ..coauthors import account_of
from ..git import new_oid
from ..happening import Happening
from ..state import Simulator
from ..world import Commit, PullRequest, Repository
from . import named
from .named import Act, Json


def announce(simulator: Simulator, happenings: list[Happening]) -> None:
    """Notifies all listeners, in this order."""
    for happening in happenings:
        simulator.announce(happening)


def commits(deed: Deed, given: Json) -> list[Commit]:
    """The commits that an act describes; one by default."""
    described = given.get("commits") or [{"message": given.get("title", "Work on it")}]
    pulls = deed.repository.pull_requests.values()
    # A force push keeps the number of commits, and adds an event.
    so_far = [
        sum(len(pull.commits) for pull in pulls),
        sum(len(pull.timeline) for pull in pulls),
        len(deed.repository.git.commits),
    ]
    return [
        _commit(deed, each, (deed.repository.id, *so_far, place))
        for place, each in enumerate(described)
    ]


def _commit(deed: Deed, described: Json, identity: tuple[int, ...]) -> Commit:
    authored_at = datetime.fromisoformat(described.get("authored_at", deed.at.isoformat()))
    return Commit(
        oid=described.get("oid") or new_oid(deed.at, *identity),
        authored_at=authored_at,
        committed_at=datetime.fromisoformat(described.get("committed_at", deed.at.isoformat())),
        message=described.get("message", "Work on it"),
        additions=described.get("additions", 10),
        deletions=described.get("deletions", 2),
        changed_files=described.get("changed_files", 1),
        **_signed(deed, described),
    )


def _signed(deed: Deed, described: Json) -> Json:
    """The author: the actor, or as described. An account is identified by its address."""
    actor = deed.actor
    if "author_email" not in described and "author_name" not in described:
        name, email = (actor.name, actor.email) if actor else (None, None)
        signed: Json = {"author_name": name, "author_email": email, "author": actor}
    else:
        signed = {key: described.get(key) for key in ("author_name", "author_email")}
        signed["author"] = account_of(deed.world, described.get("author_email", ""))
    for key in ("committer_name", "committer_email"):
        signed[key] = described.get(key)
    known = account_of(deed.world, described.get("committer_email", ""))
    return {**signed, "committer": known or signed["author"]}


def _open(simulator: Simulator, given: Json) -> Json:
    deed = named.deed(simulator, given)
    draft = Draft(
        title=given.get("title", "Work on it"),
        head_ref=given.get("head_ref", f"branch-{actions.next_number(deed.repository)}"),
        commits=commits(deed, given),
        body=given.get("body", ""),
        is_draft=given.get("is_draft", False),
        labels=tuple(named.label(deed.repository, name) for name in given.get("labels", ())),
    )
    pull_request, happenings = actions.open_pull_request(deed, draft)
    if given.get("late"):
        _hide(deed.repository, pull_request.number)
    announce(simulator, happenings)
    return {"number": pull_request.number, "node_id": pull_request.node_id, "id": pull_request.id}


def _hide(repository: Repository, number: int) -> None:
    """Counted, and returned by id, but in no list: an index that comes late."""
    repository.late.add(number)
    CHANGES.count += 1


def _unlist(simulator: Simulator, given: Json) -> None:
    repository = named.repository(simulator, given)
    _hide(repository, named.pull_request(repository, given).number)


def _list(simulator: Simulator, given: Json) -> None:
    """The index has it now; its `updatedAt` stays unchanged."""
    named.repository(simulator, given).late.discard(given["number"])
    CHANGES.count += 1


Do = Callable[[Deed, PullRequest, Json, Simulator], list[Happening]]


def _on_pull_request(do: Do) -> Callable[[Simulator, Json], Json]:
    def acted(simulator: Simulator, given: Json) -> Json:
        deed = named.deed(simulator, given)
        pull_request = named.pull_request(deed.repository, given)
        announce(simulator, do(deed, pull_request, given, simulator))
        return {"number": pull_request.number, "state": pull_request.state}

    return acted


def _dismiss(deed: Deed, pull_request: PullRequest, given: Json) -> list[Happening]:
    return actions.dismiss_review(deed, pull_request, named.review(pull_request, given))


def _merge(deed: Deed, pull_request: PullRequest, given: Json) -> list[Happening]:
    if "below" not in given:
        return actions.merge(deed, pull_request, given.get("method"))
    below = [named.pull_request(deed.repository, {"number": n}) for n in given["below"]]
    return actions.merge_with_those_below(deed, [*below, pull_request])


def _edit(deed: Deed, pull_request: PullRequest, given: Json) -> list[Happening]:
    field: Literal["title", "body"] = "title" if "title" in given else "body"
    return actions.edit(deed, pull_request, field, given[field])


ACTS: dict[str, Act] = {
    "open": _open,
    "unlist": _unlist,
    "list": _list,
    "push": _on_pull_request(
        lambda deed, pr, given, _: actions.push(deed, pr, commits(deed, given))
    ),
    "force_push": _on_pull_request(
        lambda deed, pr, given, _: actions.force_push(deed, pr, commits(deed, given))
    ),
    "mark_ready": _on_pull_request(lambda deed, pr, *_: actions.mark_ready(deed, pr)),
    "convert_to_draft": _on_pull_request(lambda deed, pr, *_: actions.convert_to_draft(deed, pr)),
    "request_review": _on_pull_request(
        lambda deed, pr, given, simulator: actions.request_review(
            deed, pr, named.reviewer(simulator, given)
        )
    ),
    "remove_review_request": _on_pull_request(
        lambda deed, pr, given, simulator: actions.remove_review_request(
            deed, pr, named.reviewer(simulator, given)
        )
    ),
    "review": _on_pull_request(
        lambda deed, pr, given, _: actions.submit_review(
            deed, pr, given["state"], given.get("body", ""), given.get("comments", 0)
        )
    ),
    "dismiss_review": _on_pull_request(lambda deed, pr, given, _: _dismiss(deed, pr, given)),
    "comment": _on_pull_request(lambda deed, pr, *_: actions.comment(deed, pr)),
    "label": _on_pull_request(
        lambda deed, pr, given, _: actions.add_label(
            deed, pr, named.label(deed.repository, given["label"])
        )
    ),
    "unlabel": _on_pull_request(
        lambda deed, pr, given, _: actions.remove_label(
            deed, pr, named.label(deed.repository, given["label"])
        )
    ),
    "edit_review": _on_pull_request(
        lambda deed, pr, given, _: actions.edit_review(
            deed, pr, named.review(pr, given), given.get("body", "")
        )
    ),
    "edit": _on_pull_request(lambda deed, pr, given, _: _edit(deed, pr, given)),
    "enqueue": _on_pull_request(lambda deed, pr, *_: queueing.enqueue(deed, pr)),
    "dequeue": _on_pull_request(
        lambda deed, pr, given, _: queueing.dequeue(deed, pr, given.get("reason", "MERGE"))
    ),
    "enable_auto_merge": _on_pull_request(
        lambda deed, pr, given, _: queueing.enable_auto_merge(deed, pr, given.get("method", ""))
    ),
    "disable_auto_merge": _on_pull_request(
        lambda deed, pr, given, _: queueing.disable_auto_merge(deed, pr, given.get("reason", ""))
    ),
    "change_base": _on_pull_request(
        lambda deed, pr, given, _: queueing.change_base(deed, pr, given["base"])
    ),
    "close": _on_pull_request(lambda deed, pr, *_: actions.close(deed, pr)),
    "reopen": _on_pull_request(lambda deed, pr, *_: actions.reopen(deed, pr)),
    "merge": _on_pull_request(lambda deed, pr, given, _: _merge(deed, pr, given)),
}
