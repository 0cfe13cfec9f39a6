"""Every REST response and every webhook parses with models made from GitHub's published ones."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, get_origin

import httpx
import pytest
from githubkit.webhooks import parse
from githubkit_schemas.v2022_11_28 import models
from pydantic import BaseModel, TypeAdapter

from github_simulator.generator import generate
from github_simulator.testing import Running, running
from github_simulator.world import OAuthApp, PullRequest, Repository, Token

ACME = "/repos/acme/billing-service"


@pytest.fixture(scope="module")
def github() -> Iterator[Running]:
    world = generate(11, datetime.now(UTC), repositories=12, pull_requests=500)
    world.oauth_apps["Iv1.app"] = OAuthApp("Iv1.app", "s3cret", "tformance", ["https://t.example/"])
    with running(world) as started:
        alice = started.simulator.world.account("alice")
        assert alice is not None
        scopes = ["repo", "user", "admin:org", "admin:org_hook"]
        world.tokens["all"] = Token("all", alice, scopes)
        world.tokens["app"] = Token("app", alice, ["repo"], client_id="Iv1.app")
        yield started


@pytest.fixture(scope="module")
def alice(github: Running) -> Iterator[httpx.Client]:
    base, headers = github.url + "/api/v3", {"authorization": "Bearer all"}
    with httpx.Client(base_url=base, headers=headers) as client:
        yield client


def everything(client: httpx.Client, address: str) -> list[Any]:
    """The items of all pages."""
    items: list[Any] = []
    following: str | None = address
    while following:
        answer = client.get(following)
        assert answer.status_code == 200, answer.text
        items += answer.json()
        following = answer.links.get("next", {}).get("url")
    return items


def holds(model: Any, value: Any) -> None:
    """Parses, and has no name that GitHub does not have."""
    TypeAdapter(model).validate_python(value)
    if isinstance(model, type) and issubclass(model, BaseModel):
        names = {field.alias or name for name, field in model.model_fields.items()}
        assert set(value) <= names, set(value) - names


LISTS = {
    "/user/orgs": models.OrganizationSimple,
    "/user/emails": models.Email,
    "/user/repos?per_page=100": models.Repository,
    "/users/alice/orgs": models.OrganizationSimple,
    "/users/alice/repos": models.MinimalRepository,
    "/orgs/acme/members?per_page=7": models.SimpleUser,
    "/orgs/acme/members?role=admin": models.SimpleUser,
    "/orgs/acme/repos?per_page=5": models.MinimalRepository,
    "/orgs/acme/teams": models.Team,
    "/orgs/acme/teams/payments/members": models.SimpleUser,
    f"{ACME}/pulls?state=all&per_page=100": models.PullRequestSimple,
    "/repos/acme/design-system/pulls?state=all&per_page=100": models.PullRequestSimple,
    f"{ACME}/issues?state=all&per_page=100": models.Issue,
}
SINGLES = {
    "/user": models.PrivateUser,
    "/users/bob": models.PublicUser,
    "/users/dependabot[bot]": models.PublicUser,
    "/user/memberships/orgs/acme": models.OrgMembership,
    "/orgs/acme": models.OrganizationFull,
    ACME: models.FullRepository,
    "/repos/alice/recipes": models.FullRepository,
    "/rate_limit": models.RateLimitOverview,
    f"{ACME}/nothing": models.BasicError,
}


@pytest.mark.parametrize("address", LISTS)
def test_it_works(alice: httpx.Client, address: str) -> None:
    items = everything(alice, address)
    assert items
    for item in items:
        holds(LISTS[address], item)


@pytest.mark.parametrize("address", SINGLES)
def test_single_objects(alice: httpx.Client, address: str) -> None:
    holds(SINGLES[address], alice.get(address).json())


@pytest.fixture
def delivered(github: Running) -> dict[str, int]:
    """A deployment, a release and a run, by their ids."""
    place = {"repository": "acme/billing-service", "actor": "bob"}
    done = {
        "deployment": github.act("deploy", state="SUCCESS", **place),
        "release": github.act("release", tag="v1.0", **place),
        "run": github.act("run_workflow", workflow="Deploy", conclusion="success", **place),
    }
    return {name: made["id"] for name, made in done.items()}


def test_what_comes_after_the_merge(alice: httpx.Client, delivered: dict[str, int]) -> None:
    deployment, run = delivered["deployment"], delivered["run"]
    for address, model in (
        (f"{ACME}/deployments/{deployment}", models.Deployment),
        (f"{ACME}/releases/{delivered['release']}", models.Release),
        (f"{ACME}/releases/latest", models.Release),
        (f"{ACME}/releases/tags/v1.0", models.Release),
        (f"{ACME}/actions/runs/{run}", models.WorkflowRun),
        (f"{ACME}/actions/workflows/deploy.yml", models.Workflow),
        (f"{ACME}/compare/v1.0...main", models.CommitComparison),
        (f"{ACME}/commits/main", models.Commit),
    ):
        holds(model, alice.get(address).json())
    for item in everything(alice, f"{ACME}/deployments?per_page=100"):
        holds(models.Deployment, item)
    for item in everything(alice, f"{ACME}/deployments/{deployment}/statuses"):
        holds(models.DeploymentStatus, item)
    for item in everything(alice, f"{ACME}/commits?per_page=100"):
        holds(models.Commit, item)
    for item in alice.get(f"{ACME}/actions/runs?per_page=100").json()["workflow_runs"]:
        holds(models.WorkflowRun, item)


def test_what_the_server_says_of_itself(alice: httpx.Client) -> None:
    said = alice.get("/meta").json()
    assert said.pop("installed_version")  # only an Enterprise Server says that
    holds(models.ApiOverview, said)


def picked(github: Running) -> Iterator[tuple[Repository, PullRequest]]:
    """A few pull requests of every kind."""
    for repository in github.simulator.world.repositories.values():
        if repository.private and repository.owner.login not in ("acme", "alice"):
            continue
        for pull_request in list(repository.pull_requests.values())[::4]:
            yield repository, pull_request


def test_pull_requests_with_commits_and_reviews(github: Running, alice: httpx.Client) -> None:
    for repository, pull_request in picked(github):
        address = f"/repos/{repository.full_name}/pulls/{pull_request.number}"
        holds(models.PullRequest, alice.get(address).json())
        for commit in everything(alice, f"{address}/commits?per_page=100"):
            holds(models.Commit, commit)
        for review in everything(alice, f"{address}/reviews?per_page=100"):
            holds(models.PullRequestReview, review)


def test_hooks_and_deliveries(github: Running, alice: httpx.Client) -> None:
    config = {"url": "http://127.0.0.1:9/", "content_type": "json", "secret": "s"}
    body = {"name": "web", "config": config, "events": ["pull_request"]}
    made = alice.post(f"{ACME}/hooks", json=body).json()
    holds(models.Hook, made)
    assert github.simulator.deliveries.wait()
    own = f"{ACME}/hooks/{made['id']}"
    holds(models.Hook, alice.get(own).json())
    holds(models.WebhookConfig, alice.get(f"{own}/config").json())
    item = alice.get(f"{own}/deliveries").json()[0]
    holds(models.HookDeliveryItem, item)
    holds(models.HookDelivery, alice.get(f"{own}/deliveries/{item['id']}").json())
    holds(models.OrgHook, alice.post("/orgs/acme/hooks", json=body).json())
    assert alice.delete(own).status_code == 204


def test_an_app_reads_its_tokens_data(github: Running, alice: httpx.Client) -> None:
    answer = alice.post(
        "/applications/Iv1.app/token", auth=("Iv1.app", "s3cret"), json={"access_token": "app"}
    )
    holds(models.Authorization, answer.json())


@pytest.fixture
def heard(github: Running, alice: httpx.Client) -> Iterator[list[tuple[str, bytes]]]:
    """What two hooks that subscribe to everything receive."""
    found: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.append((self.headers["X-GitHub-Event"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    config = {"url": f"http://127.0.0.1:{server.server_port}/", "content_type": "json"}
    body = {"name": "web", "config": config, "events": ["*"]}
    hooks = [f"{ACME}/hooks", "/orgs/acme/hooks"]
    made = [(hook, alice.post(hook, json=body).json()["id"]) for hook in hooks]
    yield found
    for hook, number in made:
        alice.delete(f"{hook}/{number}")
    server.shutdown()
    server.server_close()


def test_webhooks(github: Running, alice: httpx.Client, heard: list[tuple[str, bytes]]) -> None:
    def act(what: str, **given: Any) -> Any:
        body = {"act": what, "repository": "acme/billing-service", "actor": "bob", **given}
        answer = alice.post(f"{github.url}/_control/acts", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    number = act("open", is_draft=True, labels=["bug"])["number"]
    on = {"number": number}
    act("mark_ready", **on)
    act("convert_to_draft", **on)
    act("mark_ready", **on)
    act("request_review", reviewer="alice", **on)
    act("request_review", team="payments", **on)
    act("remove_review_request", team="payments", **on)
    act("review", state="CHANGES_REQUESTED", comments=2, actor="alice", body="Two things", **on)
    act("push", **on)
    act("force_push", **on)
    act("label", label="performance", **on)
    act("unlabel", label="performance", **on)
    act("edit", title="Another title", **on)
    act("edit", body="Another body", **on)
    act("review", state="APPROVED", actor="alice", **on)
    repository = github.simulator.world.repository("acme/billing-service")
    assert repository is not None
    reviews = repository.pull_requests[number].reviews
    act("edit_review", review=reviews[0].id, body="One thing", actor="alice", **on)
    act("dismiss_review", review=reviews[1].id, **on)
    act("enable_auto_merge", **on)
    act("disable_auto_merge", **on)
    act("enqueue", **on)
    act("dequeue", **on)
    act("change_base", base="release/2.4", **on)
    act("change_base", base="main", **on)
    act("close", **on)
    act("reopen", **on)
    act("merge", **on)
    act("open", actor=None)
    act("archive_repository")
    act("unarchive_repository")
    act("rename_repository", name="billing")
    act("remove_member", organization="acme", login="bob")
    act("add_member", organization="acme", login="bob")
    slug = act("create_team", organization="acme", name="Data Platform")["team"]
    act("add_team_member", organization="acme", team=slug, login="bob")
    act("remove_team_member", organization="acme", team=slug, login="bob")
    act("rename_team", organization="acme", team=slug, name="Data")
    act("delete_team", organization="acme", team="data")
    act("rename_repository", repository="acme/billing", name="billing-service")
    deployment = act("deploy")["id"]
    for state in ("IN_PROGRESS", "FAILURE", "SUCCESS"):
        act("set_deployment_status", deployment=deployment, state=state)
    draft = act("release", tag="v2.0", draft=True)["id"]
    act("publish_release", release=draft)
    act("edit_release", release=draft, name="Two")
    act("delete_release", release=draft)
    act("release", tag="v3.0-rc", prerelease=True)
    run = act("run_workflow", workflow="Deploy")["id"]
    act("finish_run", run=run, conclusion="failure")
    act("rerun", run=run, conclusion="success")
    act("create_repository", repository="acme/new")
    act("transfer_repository", repository="acme/web", owner="harbor-tools")
    act("transfer_repository", repository="harbor-tools/web", owner="acme")
    act("delete_repository", repository="acme/web")
    assert github.simulator.deliveries.wait()
    assert {event for event, _ in heard} == {
        "ping",
        "pull_request",
        "pull_request_review",
        "pull_request_review_comment",
        "repository",
        "organization",
        "membership",
        "team",
        "deployment",
        "deployment_status",
        "release",
        "workflow_run",
    }
    for event, body in heard:
        parse(event, body)


def test_the_models_do_refuse() -> None:
    assert get_origin(models.SimpleUser) is None
    with pytest.raises(ValueError, match="login"):
        holds(models.SimpleUser, {"id": 1})
