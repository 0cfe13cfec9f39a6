"""A small world of our own: Alice runs Acme, Bob works there, Charlie does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from github_simulator.testing import Running, running
from github_simulator.world import (
    Account,
    Commit,
    Label,
    Organization,
    PullRequest,
    Repository,
    Review,
    Team,
    TimelineEvent,
    Token,
    World,
)

MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SCOPES = ["repo", "read:org", "read:user"]

Query = Callable[..., dict[str, Any]]


def pull_request(number: int, author: Account | None, **more: Any) -> PullRequest:
    """Opened `number` hours after that Monday morning."""
    opened = MORNING + timedelta(hours=number)
    return PullRequest(
        id=2**31 + number,
        node_id=f"PR_{number}",
        number=number,
        title=f"Change {number}",
        body="",
        author=author,
        created_at=opened,
        updated_at=opened,
        base_ref="main",
        head_ref=f"branch-{number}",
        head_oid=f"{number:040x}",
        base_oid="0" * 40,
        head_repository="acme/api",
        **more,
    )


def acme() -> World:
    """Two repositories, one of them private; five pull requests in the open one."""
    alice = Account(1, "U_1", "alice", name="Alice", email="alice@example.com")
    bob = Account(2, "U_2", "bob", name="Bob")
    charlie = Account(3, "U_3", "charlie", name="Charlie")
    bot = Account(4, "BOT_4", "dependabot", "Bot")
    company = Account(10, "O_10", "acme", "Organization", "Acme")
    organization = Organization(company, members={1: "admin", 2: "member"}, concealed={2})
    organization.teams.append(Team(77, "T_77", "core", "Core", [1, 2]))
    api = Repository(100, "R_100", company, "api", pushed_at=MORNING)
    secret = Repository(101, "R_101", company, "secret", private=True)
    authors = [alice, bob, charlie, bot, None]
    for number, author in enumerate(authors, start=1):
        api.pull_requests[number] = pull_request(number, author)
    _tell_a_story(api.pull_requests[1], alice, bob)
    secret.pull_requests[1] = pull_request(900, bob)
    world = World(
        {each.id: each for each in (alice, bob, charlie, bot, company)},
        {10: organization},
        {100: api, 101: secret},
    )
    for account in (alice, bob, charlie):
        world.tokens[f"ghp_{account.login}"] = Token(f"ghp_{account.login}", account, SCOPES)
    return world


def _tell_a_story(pull: PullRequest, alice: Account, bob: Account) -> None:
    """Alice committed in Berlin, Bob reviewed, Alice merged."""
    noon = MORNING + timedelta(hours=3)
    written = datetime.fromisoformat("2026-03-01T18:00:00+01:00")
    pull.commits.append(
        Commit("a" * 40, written, noon, "Add it\n\nWith care.", 12, 3, author=alice)
    )
    pull.reviews.append(Review(2**31 + 5, "PRR_1", bob, "APPROVED", noon, noon, comments=2))
    pull.reviews.append(Review(6, "PRR_2", bob, "PENDING", None, noon))
    pull.labels.append(Label(1, "LA_1", "feature"))
    pull.timeline.append(TimelineEvent("E_1", "ReviewRequestedEvent", alice, MORNING, bob))
    pull.timeline.append(TimelineEvent("E_2", "MergedEvent", alice, noon))
    pull.state, pull.merged_at, pull.closed_at, pull.merged_by = "MERGED", noon, noon, alice
    pull.merge_commit_oid = "b" * 40


@pytest.fixture
def github() -> Iterator[Running]:
    with running(acme()) as started:
        yield started


@pytest.fixture
def http(github: Running) -> Iterator[httpx.Client]:
    """Alice's client."""
    headers = {"Authorization": "Bearer ghp_alice"}
    with httpx.Client(base_url=github.url, headers=headers, timeout=10) as client:
        yield client


@pytest.fixture
def query(http: httpx.Client) -> Query:
    """Queries GraphQL, by default as Alice."""

    def ask(text: str, token: str = "ghp_alice", **variables: Any) -> dict[str, Any]:
        reply = http.post(
            "/api/graphql",
            json={"query": text, "variables": variables},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert reply.status_code == 200
        answer: dict[str, Any] = reply.json()
        return answer

    return ask
