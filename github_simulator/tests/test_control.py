"""The simulator's control endpoint: what tests and demos do to the world, and read of it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from github_simulator.happening import Happening
from github_simulator.testing import Running

from .conftest import Query

PULL = """
query($number: Int!) { repository(owner: "acme", name: "api") { pullRequest(number: $number) {
  state isDraft title headRefOid totalCommentsCount author { login } mergedBy { login }
  commits(first: 9) { nodes { commit { messageHeadline } } }
  labels(first: 9) { nodes { name } }
  reviews(first: 9) { nodes { state author { login } } }
  timelineItems(first: 20, itemTypes: [READY_FOR_REVIEW_EVENT, CONVERT_TO_DRAFT_EVENT,
    CLOSED_EVENT, REOPENED_EVENT, MERGED_EVENT, HEAD_REF_FORCE_PUSHED_EVENT,
    REVIEW_REQUESTED_EVENT, REVIEW_DISMISSED_EVENT]) { nodes { __typename } } } } }
"""


def act(http: httpx.Client, deed: str, **more: Any) -> dict[str, Any]:
    given = {"act": deed, "repository": "acme/api", "actor": "bob", **more}
    reply = http.post("/_control/acts", json=given)
    assert reply.status_code == 200, reply.text
    done: dict[str, Any] = reply.json()
    return done


def pull(query: Query, number: int) -> dict[str, Any]:
    found: dict[str, Any] = query(PULL, number=number)["data"]["repository"]["pullRequest"]
    return found


def events(found: dict[str, Any]) -> list[str]:
    return [each["__typename"] for each in found["timelineItems"]["nodes"]]


def test_it_works(http: httpx.Client, query: Query) -> None:
    number = act(http, "open", title="A thing", commits=[{"message": "One"}])["number"]
    act(http, "review", number=number, actor="alice", state="APPROVED", comments=2)
    act(http, "merge", number=number, actor="alice")
    merged = pull(query, number)
    assert (merged["state"], merged["title"]) == ("MERGED", "A thing")
    assert (merged["author"], merged["mergedBy"]) == ({"login": "bob"}, {"login": "alice"})
    assert merged["reviews"]["nodes"] == [{"state": "APPROVED", "author": {"login": "alice"}}]
    assert merged["totalCommentsCount"] == 2
    assert events(merged) == ["MergedEvent", "ClosedEvent"]


def test_a_draft_and_back(http: httpx.Client, query: Query) -> None:
    number = act(http, "open", is_draft=True)["number"]
    act(http, "mark_ready", number=number)
    act(http, "convert_to_draft", number=number)
    found = pull(query, number)
    assert found["isDraft"]
    assert events(found) == ["ReadyForReviewEvent", "ConvertToDraftEvent"]


def test_a_rebase_replaces_the_commits(http: httpx.Client, query: Query) -> None:
    number = act(http, "open", commits=[{"message": "Old"}])["number"]
    act(http, "push", number=number, commits=[{"message": "More"}])
    before = pull(query, number)
    act(http, "force_push", number=number, commits=[{"message": "New"}])
    after = pull(query, number)
    assert [each["commit"]["messageHeadline"] for each in before["commits"]["nodes"]] == [
        "Old",
        "More",
    ]
    assert [each["commit"]["messageHeadline"] for each in after["commits"]["nodes"]] == ["New"]
    assert before["headRefOid"] != after["headRefOid"]
    assert events(after) == ["HeadRefForcePushedEvent"]


def test_everything_else_that_people_do(http: httpx.Client, query: Query) -> None:
    act(http, "request_review", number=2, reviewer="alice")
    act(http, "comment", number=2)
    act(http, "label", number=2, label="hotfix")
    act(http, "edit", number=2, title="Better")
    act(http, "close", number=2)
    act(http, "reopen", number=2)
    found = pull(query, 2)
    assert (found["title"], found["state"], found["totalCommentsCount"]) == ("Better", "OPEN", 1)
    assert found["labels"]["nodes"] == [{"name": "hotfix"}]
    assert events(found) == ["ReviewRequestedEvent", "ClosedEvent", "ReopenedEvent"]


def test_a_dismissed_review(github: Running, http: httpx.Client, query: Query) -> None:
    review = github.simulator.world.repositories[100].pull_requests[1].reviews[0]
    act(http, "dismiss_review", number=1, review=review.id, actor="alice")
    found = pull(query, 1)
    assert [each["state"] for each in found["reviews"]["nodes"]] == ["DISMISSED"]
    assert "ReviewDismissedEvent" in events(found)


def test_a_deleted_account_leaves_a_ghost(http: httpx.Client, query: Query) -> None:
    act(http, "delete_account", login="bob")
    assert pull(query, 2)["author"] is None
    assert pull(query, 1)["reviews"]["nodes"] == [{"state": "APPROVED", "author": None}]
    assert query('{ user(login: "bob") { id } }')["errors"][0]["type"] == "NOT_FOUND"


def test_repositories_are_renamed_and_deleted(http: httpx.Client, query: Query) -> None:
    assert act(http, "rename_repository", name="interface") == {"full_name": "acme/interface"}
    found = query('{ repository(owner: "acme", name: "api") { nameWithOwner } }')
    assert found["data"]["repository"]["nameWithOwner"] == "acme/interface"
    act(http, "delete_repository", repository="acme/interface")
    assert query('{ nodes(ids: ["R_100", "PR_1"]) { id } }')["data"]["nodes"] == [None, None]


def test_members_come_and_go(http: httpx.Client, query: Query) -> None:
    act(http, "remove_member", organization="acme", login="bob")
    act(http, "add_member", organization="acme", login="charlie", role="admin")
    answer = query(
        '{ organization(login: "acme") { membersWithRole(first: 9) { edges { '
        "role node { login } } } } }"
    )
    assert answer["data"]["organization"]["membersWithRole"]["edges"] == [
        {"role": "ADMIN", "node": {"login": "alice"}},
        {"role": "ADMIN", "node": {"login": "charlie"}},
    ]


def test_tokens_are_made_and_revoked(http: httpx.Client, query: Query) -> None:
    made = act(http, "make_token", login="charlie", scopes=["repo"], prefix="gho")["token"]
    assert made.startswith("gho_")
    assert len(made) == 40
    assert query("{ viewer { login } }", token=made)["data"]["viewer"] == {"login": "charlie"}
    act(http, "revoke_token", token=made)
    reply = http.post(
        "/api/graphql",
        json={"query": "{ viewer { login } }"},
        headers={"Authorization": f"Bearer {made}"},
    )
    assert reply.status_code == 401


def test_a_token_runs_out(http: httpx.Client, query: Query) -> None:
    made = act(http, "make_token", login="bob", expires_in=60)["token"]
    query("{ viewer { login } }", token=made)
    http.post("/_control/clock", json={"advance": 61})
    headers = {"Authorization": f"Bearer {made}"}
    reply = http.post("/api/graphql", json={"query": "{ viewer { login } }"}, headers=headers)
    assert reply.status_code == 401


def test_listeners_are_notified(github: Running, http: httpx.Client) -> None:
    heard: list[Happening] = []
    github.simulator.listeners.append(heard.append)
    act(http, "merge", number=2)
    [happening] = heard
    assert (happening.event, happening.action) == ("pull_request", "closed")
    assert happening.pull_request is not None
    assert happening.pull_request.merged_at is not None


def test_the_truth(http: httpx.Client) -> None:
    truth = http.get("/_control/truth/acme/api").json()
    assert [each["number"] for each in truth["pull_requests"]] == [1, 2, 3, 4, 5]
    first = truth["pull_requests"][0]
    assert first["merged_at"] == "2026-03-02T12:00:00Z"
    assert [each["state"] for each in first["reviews"]] == ["APPROVED"]
    assert http.get("/_control/truth/acme/nope").status_code == 404


def test_the_python_helpers(github: Running, query: Query) -> None:
    github.act("merge", repository="acme/api", number=3, actor="alice")
    assert pull(query, 3)["state"] == "MERGED"
    with pytest.raises(ValueError, match="no pull request 99"):
        github.act("merge", repository="acme/api", number=99)
    github.fault("server_error", times=1)
    assert httpx.get(f"{github.url}/api/v3/rate_limit").status_code == 502


def test_statistics(http: httpx.Client, query: Query) -> None:
    query("query Who { viewer { login } }")
    stats = http.get("/_control/stats").json()
    assert stats["requests"] == 1
    assert stats["points"] == 1
    assert stats["endpoints"] == {"POST /api/graphql": 1}
    [logged] = http.get("/_control/requests").json()
    assert (logged["account"], logged["operation"], logged["status"]) == ("alice", "Who", 200)


def test_reset_forgets_what_was_asked_but_not_the_world(http: httpx.Client, query: Query) -> None:
    act(http, "merge", number=2)
    query("{ viewer { login } }")
    assert http.post("/_control/reset").status_code == 204
    assert http.get("/_control/stats").json()["requests"] == 0
    assert pull(query, 2)["state"] == "MERGED"


def test_limits_are_set(http: httpx.Client, query: Query) -> None:
    http.post("/_control/limits", json={"graphql": 10, "exhaust": {"alice": "core"}})
    asked = "{ rateLimit { limit remaining } }"
    assert query(asked)["data"]["rateLimit"] == {"limit": 10, "remaining": 9}
    assert http.get("/api/v3/user").status_code == 403


def test_state(http: httpx.Client) -> None:
    state = http.get("/_control/state").json()
    assert state["repositories"] == {"acme/api": 5, "acme/secret": 1}
    assert state["organizations"] == ["acme"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "which act"),
        ({"act": "dance"}, "no act 'dance'"),
        ({"act": "merge", "repository": "acme/nope", "number": 1}, "no repository acme/nope"),
        ({"act": "merge", "repository": "acme/api", "number": 99}, "no pull request 99"),
        ({"act": "merge", "repository": "acme/api"}, "needs 'number'"),
        ({"act": "open", "repository": "acme/api", "actor": "zoe"}, "no account zoe"),
    ],
)
def test_impossible_acts_are_reported(
    http: httpx.Client, given: dict[str, Any], reason: str
) -> None:
    reply = http.post("/_control/acts", json=given)
    assert reply.status_code == 400
    assert reason in reply.json()["error"]


LIST = """
{ repository(owner: "acme", name: "api") { pullRequests(
  first: 20, orderBy: {field: UPDATED_AT, direction: DESC}) { totalCount nodes { number } } } }
"""


def listed(query: Query) -> tuple[int, list[int]]:
    found = query(LIST)["data"]["repository"]["pullRequests"]
    return found["totalCount"], [each["number"] for each in found["nodes"]]


def test_an_index_that_comes_late(http: httpx.Client, query: Query) -> None:
    assert listed(query) == (5, [5, 4, 3, 2, 1])
    made = act(http, "open", title="Late", late=True)
    assert listed(query) == (6, [5, 4, 3, 2, 1])
    assert pull(query, made["number"])["title"] == "Late"
    act(http, "unlist", number=2)
    assert listed(query) == (6, [5, 4, 3, 1])
    act(http, "list", number=2)
    act(http, "list", number=made["number"])
    assert listed(query) == (6, [6, 5, 4, 3, 2, 1])


def test_another_repository_under_the_same_name(http: httpx.Client, query: Query) -> None:
    def identity() -> int:
        found = http.get("/api/v3/repos/acme/api").json()
        number: int = found["id"]
        return number

    before = identity()
    act(http, "delete_repository")
    assert http.get("/api/v3/repos/acme/api").status_code == 404
    made = act(http, "create_repository")
    assert identity() == made["id"] != before
    assert listed(query) == (0, [])
    assert act(http, "open")["number"] == 1


KINDS = '{ __type(name: "PullRequestTimelineItemsItemType") { enumValues { name } } }'
QUEUE = """
{ repository(owner: "acme", name: "api") { pullRequest(number: 2) { timelineItems(first: 9,
  itemTypes: [ADDED_TO_MERGE_QUEUE_EVENT, REMOVED_FROM_MERGE_QUEUE_EVENT, AUTO_MERGE_ENABLED_EVENT,
  AUTO_SQUASH_ENABLED_EVENT, AUTO_MERGE_DISABLED_EVENT, BASE_REF_CHANGED_EVENT]) { nodes {
    __typename ... on RemovedFromMergeQueueEvent { reason }
    ... on BaseRefChangedEvent { previousRefName currentRefName } } } } } }
"""


def test_the_way_to_the_merge(http: httpx.Client, query: Query) -> None:
    act(http, "enable_auto_merge", number=2, method="squash")
    act(http, "disable_auto_merge", number=2)
    act(http, "enable_auto_merge", number=2)
    act(http, "enqueue", number=2)
    act(http, "dequeue", number=2, reason="FAILED_CHECKS")
    act(http, "change_base", number=2, base="release/1")
    found = query(QUEUE)["data"]["repository"]["pullRequest"]["timelineItems"]["nodes"]
    assert [each["__typename"] for each in found] == [
        "AutoSquashEnabledEvent",
        "AutoMergeDisabledEvent",
        "AutoMergeEnabledEvent",
        "AddedToMergeQueueEvent",
        "RemovedFromMergeQueueEvent",
        "BaseRefChangedEvent",
    ]
    assert found[-2]["reason"] == "FAILED_CHECKS"
    assert (found[-1]["previousRefName"], found[-1]["currentRefName"]) == ("main", "release/1")


def test_an_older_server(http: httpx.Client, query: Query) -> None:
    def kinds() -> set[str]:
        return {each["name"] for each in query(KINDS)["data"]["__type"]["enumValues"]}

    lost = "PullRequestTimelineItemsItemType.AUTO_SQUASH_ENABLED_EVENT"
    assert "AUTO_SQUASH_ENABLED_EVENT" in kinds()
    http.post("/_control/schema", json={"lacks": [lost, "AutoSquashEnabledEvent"]})
    assert "AUTO_SQUASH_ENABLED_EVENT" not in kinds()
    assert "data" not in query(QUEUE)
    http.post("/_control/schema", json={"lacks": ["Repository.deployments"]})
    assert "data" in query(QUEUE)
    asked = '{ repository(owner: "acme", name: "api") { deployments { totalCount } } }'
    assert query(asked)["errors"][0]["extensions"]["code"] == "undefinedField"
    assert http.post("/_control/schema", json={"lacks": ["User"]}).status_code == 400
    http.post("/_control/schema", json={"lacks": []})
    assert "data" in query(asked)
