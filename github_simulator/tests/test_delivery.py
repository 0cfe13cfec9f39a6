"""After the merge: the branch's history, deployments, releases and workflow runs."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from github_simulator.testing import Running

from .conftest import Query

API = "/api/v3/repos/acme/api"
DEPLOYMENTS = """
query($environments: [String!]) { repository(owner: "acme", name: "api") {
  deployments(first: 100, environments: $environments,
    orderBy: {field: CREATED_AT, direction: DESC}) {
    nodes { id environment originalEnvironment commitOid createdAt updatedAt state
      ref { name } creator { login } statuses(first: 100) { nodes { state createdAt } } } } }
  rateLimit { cost } }
"""
HISTORY = """
query($first: Int = 100, $after: String, $since: GitTimestamp) {
  repository(owner: "acme", name: "api") { defaultBranchRef { name target { ... on Commit {
    oid history(first: $first, after: $after, since: $since) { totalCount
      pageInfo { hasNextPage endCursor }
      nodes { oid committedDate parents(first: 100) { nodes { oid } } } } } } } }
  rateLimit { cost } }
"""
RELEASES = """
{ repository(owner: "acme", name: "api") {
  releases(first: 100, orderBy: {field: CREATED_AT, direction: DESC}) { nodes {
    databaseId tagName isDraft isPrerelease isLatest publishedAt createdAt url
    tagCommit { oid } } } } }
"""


def act(github: Running, name: str, **given: Any) -> dict[str, Any]:
    return github.act(name, **{"repository": "acme/api", "actor": "alice", **given})


def history(query: Query, **variables: Any) -> list[dict[str, Any]]:
    target = query(HISTORY, **variables)["data"]["repository"]["defaultBranchRef"]["target"]
    nodes: list[dict[str, Any]] = target["history"]["nodes"]
    return nodes


def names(nodes: list[dict[str, Any]]) -> list[str]:
    return [each["oid"] for each in nodes]


def parents(node: dict[str, Any]) -> list[str]:
    return names(node["parents"]["nodes"])


def deployments(query: Query, **variables: Any) -> list[dict[str, Any]]:
    found = query(DEPLOYMENTS, **variables)["data"]["repository"]["deployments"]["nodes"]
    return list(found)


def states(deployment: dict[str, Any]) -> list[str]:
    return sorted(each["state"] for each in deployment["statuses"]["nodes"])


def opened(github: Running, **given: Any) -> int:
    number: int = act(github, "open", commits=[{"message": "One"}, {"message": "Two"}], **given)[
        "number"
    ]
    return number


def test_it_works(github: Running, query: Query) -> None:
    made = act(github, "deploy", ref="main")
    act(github, "set_deployment_status", deployment=made["node_id"], state="IN_PROGRESS")
    act(github, "set_deployment_status", deployment=made["node_id"], state="SUCCESS")
    assert made["id"] > 2**31
    (found,) = deployments(query)
    assert (found["id"], found["commitOid"]) == (made["node_id"], made["sha"])
    assert (found["environment"], found["state"]) == ("production", "ACTIVE")
    assert (found["ref"], found["creator"]) == ({"name": "main"}, {"login": "alice"})
    assert states(found) == ["IN_PROGRESS", "SUCCESS"]


def test_a_later_deployment_makes_the_one_before_inactive(github: Running, query: Query) -> None:
    act(github, "deploy", state="SUCCESS", at="2026-04-01T09:00:00+00:00")
    act(github, "deploy", state="SUCCESS", at="2026-04-02T09:00:00+00:00")
    act(github, "deploy", state="SUCCESS", environment="staging")
    _, second, first = deployments(query)
    assert (states(first), first["state"]) == (["INACTIVE", "SUCCESS"], "INACTIVE")
    assert first["updatedAt"] == second["createdAt"]
    assert second["state"] == "ACTIVE"
    assert len(deployments(query, environments=["staging"])) == 1


def test_a_hundred_deployments_cost_a_point(query: Query) -> None:
    assert query(DEPLOYMENTS)["data"]["rateLimit"]["cost"] == 1
    assert query(HISTORY)["data"]["rateLimit"]["cost"] == 1


def test_a_merge_has_two_parents(github: Running, query: Query) -> None:
    before = history(query)
    number = opened(github)
    act(github, "merge", number=number)
    merge, *rest = history(query)
    assert parents(merge)[0] == before[0]["oid"]
    assert len(parents(merge)) == 2
    assert len(rest) == len(before) + 2


def test_a_squash_and_a_rebase_make_new_commits(github: Running, query: Query) -> None:
    squashed, rebased = opened(github), opened(github, head_ref="other")
    act(github, "merge", number=squashed, method="squash")
    first = history(query)
    assert len(parents(first[0])) == 1
    act(github, "merge", number=rebased, method="rebase")
    second = history(query)
    assert names(second)[2:] == names(first)
    truth = httpx.get(f"{github.url}/_control/truth/acme/api").json()["pull_requests"]
    own = {c["sha"] for p in truth if p["number"] in (squashed, rebased) for c in p["commits"]}
    assert len(own) == 4
    assert not own & set(names(second))
    merged = {p["number"]: p["merge_commit"] for p in truth}
    assert (merged[rebased], merged[squashed]) == (second[0]["oid"], first[0]["oid"])


def test_pages_are_of_one_history_while_the_branch_moves(github: Running, query: Query) -> None:
    whole = names(history(query))
    page = query(HISTORY, first=2)["data"]["repository"]["defaultBranchRef"]["target"]["history"]
    act(github, "push_branch", commits=[{"message": "Meanwhile"}])
    rest = history(query, first=100, after=page["pageInfo"]["endCursor"])
    assert names(page["nodes"]) + names(rest) == whole


def test_only_what_is_newer(github: Running, query: Query) -> None:
    act(github, "push_branch", at="2026-05-01T09:00:00+00:00")
    assert len(history(query, since="2026-05-01T09:00:00Z")) == 1
    assert history(query, since="2026-05-01T09:00:01Z") == []


def test_a_forced_push_of_the_default_branch(github: Running, query: Query) -> None:
    before = names(history(query))
    act(github, "push_branch", commits=[{"message": "One"}, {"message": "Two"}])
    assert len(history(query)) == len(before) + 2
    act(github, "reset_branch", drop=2)
    assert names(history(query)) == before


def compare(http: httpx.Client, base: str, head: str) -> dict[str, Any]:
    reply = http.get(f"{API}/compare/{base}...{head}")
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


def test_comparisons(github: Running, http: httpx.Client) -> None:
    act(github, "push_branch", branch="release/1", commits=[{"message": "Only here"}])
    assert compare(http, "main", "release/1")["status"] == "ahead"
    assert compare(http, "release/1", "main")["behind_by"] == 1
    assert compare(http, "main", "main")["status"] == "identical"
    act(github, "push_branch", commits=[{"message": "Elsewhere"}])
    both = compare(http, "main", "release/1")
    assert (both["status"], both["ahead_by"], both["behind_by"]) == ("diverged", 1, 1)
    assert both["merge_base_commit"]["sha"] == both["base_commit"]["parents"][0]["sha"]
    assert http.get(f"{API}/compare/main...nowhere").status_code == 404


def test_a_release_and_a_tag_that_moves(github: Running, query: Query) -> None:
    made = act(github, "release", tag="v1.0")
    act(github, "release", tag="v1.1-rc", prerelease=True)
    act(github, "release", tag="v2.0", draft=True)
    act(github, "push_branch")
    moved = act(github, "move_tag", tag="v1.0")

    def released() -> dict[str, Any]:
        nodes = query(RELEASES)["data"]["repository"]["releases"]["nodes"]
        return {each["tagName"]: each for each in nodes}

    assert released()["v1.0"]["tagCommit"] == {"oid": moved["sha"]}
    assert moved["sha"] != made["sha"]
    assert released()["v1.0"]["isLatest"]
    assert released()["v1.1-rc"]["isPrerelease"]
    draft = released()["v2.0"]
    assert (draft["publishedAt"], draft["tagCommit"]) == (None, None)


def test_drafts_are_for_those_who_can_push(github: Running, query: Query) -> None:
    act(github, "release", tag="v2.0", draft=True)
    assert query(RELEASES)["data"]["repository"]["releases"]["nodes"]
    assert query(RELEASES, token="ghp_charlie")["data"]["repository"]["releases"]["nodes"] == []


def test_runs_of_a_workflow(github: Running, http: httpx.Client) -> None:
    run = act(github, "run_workflow", workflow="Deploy", conclusion="failure", minutes=4)
    address = f"{API}/actions/workflows/{run['workflow']}/runs"
    found = http.get(address).json()["workflow_runs"][0]
    assert (found["status"], found["conclusion"]) == ("completed", "failure")
    assert (found["head_sha"], found["run_attempt"]) == (run["sha"], 1)
    act(github, "rerun", run=run["id"], conclusion="success")
    again = http.get(f"{API}/actions/workflows/deploy.yml/runs?status=success").json()
    assert [(r["id"], r["run_attempt"]) for r in again["workflow_runs"]] == [(run["id"], 2)]
    assert http.get(address, params={"branch": "other"}).json()["workflow_runs"] == []


@pytest.mark.parametrize(
    ("created", "count"),
    [
        ("2026-04-02..2026-04-03", 2),
        ("2026-04-02T09:00:00Z..2026-04-02T09:00:00Z", 1),
        (">=2026-04-03", 2),
        ("<2026-04-02", 1),
        ("*..2026-04-02", 2),
        ("2026-04-04", 1),
    ],
)
def test_runs_of_some_days(github: Running, http: httpx.Client, created: str, count: int) -> None:
    for day in (1, 2, 3, 4):
        act(github, "run_workflow", workflow="Deploy", at=f"2026-04-0{day}T09:00:00+00:00")
    found = http.get(f"{API}/actions/runs", params={"created": created}).json()
    assert (found["total_count"], len(found["workflow_runs"])) == (count, count)


def test_a_filtered_list_ends_at_a_thousand(github: Running, http: httpx.Client) -> None:
    repository = github.simulator.world.repository("acme/api")
    assert repository is not None
    for _ in range(3):
        act(github, "run_workflow", workflow="Deploy")
    (known, *_) = repository.runs.values()
    repository.runs |= dict.fromkeys(range(1, 1100), known)
    page = {"per_page": 100, "page": 11}
    all_of_them = http.get(f"{API}/actions/runs", params=page).json()
    assert len(all_of_them["workflow_runs"]) == 100
    filtered = http.get(f"{API}/actions/runs", params={**page, "branch": "main"}).json()
    assert (filtered["total_count"], filtered["workflow_runs"]) == (1102, [])


def test_an_app_without_the_permission(github: Running, query: Query, http: httpx.Client) -> None:
    private = DEPLOYMENTS.replace('"api"', '"secret"')
    made = github.act("install_app", owner="acme", permissions=["contents", "pull_requests"])
    answer = query(private, token=made["token"])
    assert answer["data"]["repository"] is None
    assert [(e["type"], e["path"]) for e in answer["errors"]] == [
        ("FORBIDDEN", ["repository", "deployments"])
    ]
    headers = {"Authorization": f"Bearer {made['token']}"}
    for path in ("deployments", "actions/workflows"):
        refused = http.get(f"/api/v3/repos/acme/secret/{path}", headers=headers)
        assert refused.status_code == 403
    allowed = github.act("install_app", owner="acme", permissions=["deployments"])
    assert "errors" not in query(private, token=allowed["token"])


def test_commits_by_their_node_ids(github: Running, query: Query) -> None:
    text = "query($id: ID!) { node(id: $id) { ... on Commit { oid messageHeadline } } }"
    asked = '{ repository(owner: "acme", name: "api") { object(expression: "main") { id oid } } }'
    found = query(asked)["data"]["repository"]["object"]
    assert query(text, id=found["id"])["data"]["node"]["oid"] == found["oid"]


def test_the_truth_of_it(github: Running, http: httpx.Client, query: Query) -> None:
    act(github, "deploy", state="SUCCESS")
    act(github, "release", tag="v1.0")
    act(github, "run_workflow", workflow="Deploy", conclusion="success")
    answer = http.get("/_control/production/acme/api").json()
    assert [each["sha"] for each in answer["history"]] == names(history(query))
    assert [each["statuses"][0]["state"] for each in answer["deployments"]] == ["SUCCESS"]
    assert [each["tag"] for each in answer["releases"]] == ["v1.0"]
    assert [each["conclusion"] for each in answer["runs"]] == ["success"]


DEPLOYED = """
query($number: Int!) { repository(owner: "acme", name: "api") { pullRequest(number: $number) {
  timelineItems(first: 9, itemTypes: [DEPLOYED_EVENT]) { nodes {
    ... on DeployedEvent { deployment { id commitOid } } } } } } }
"""


def test_a_branch_that_is_deployed_before_its_merge(github: Running, query: Query) -> None:
    number = opened(github, head_ref="try-it")
    made = act(github, "deploy", ref="try-it", environment="review", transient_environment=True)
    found = query(DEPLOYED, number=number)["data"]["repository"]["pullRequest"]["timelineItems"]
    deployment = {"id": made["node_id"], "commitOid": made["sha"]}
    assert found["nodes"] == [{"deployment": deployment}]
    assert made["sha"] not in names(history(query))
