"""With `live`, the world continues by itself and hooks are notified."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import httpx
import pytest

from github_simulator.generator import generate
from github_simulator.live import Life
from github_simulator.run import prepare
from github_simulator.testing import running
from github_simulator.world import PullRequest

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)


def newest(pull_requests: list[PullRequest]) -> datetime:
    return max(pull_request.updated_at for pull_request in pull_requests)


def test_it_works() -> None:
    world = generate(4, datetime.now(UTC), people=9, repositories=3, pull_requests=60)
    with running(world, live=True, live_interval=0.01) as github:
        headers = {"authorization": f"Bearer {github.token}"}
        config = {"url": "http://127.0.0.1:9/", "content_type": "json"}
        with httpx.Client(base_url=github.url, headers=headers) as alice:
            for repository in world.repositories.values():
                hooks = f"/api/v3/repos/{repository.full_name}/hooks"
                events = ["pull_request", "pull_request_review"]
                alice.post(hooks, json={"config": config, "events": events})
            until, actions = time.monotonic() + 20, set[str]()
            while time.monotonic() < until and not {"opened", "submitted", "closed"} <= actions:
                deliveries = alice.get("/_control/deliveries").json()
                actions |= {delivery["action"] for delivery in deliveries}
    assert {"opened", "submitted", "closed"} <= actions


@pytest.mark.parametrize("seed", range(4))
def test_pull_requests_go_through_and_instants_are_now(seed: int) -> None:
    world = generate(seed, NOW, people=12, repositories=6, pull_requests=120)
    simulator = prepare(None, world, seed=seed)
    before = {id(p) for r in world.repositories.values() for p in r.pull_requests.values()}
    life, began = Life(simulator), simulator.clock.now()
    actions = {happening.action for _ in range(6000) for happening in life.step()}
    new = [
        pull_request
        for repository in world.repositories.values()
        for pull_request in repository.pull_requests.values()
        if id(pull_request) not in before
    ]
    assert {"opened", "submitted", "closed", "synchronize", "review_requested"} <= actions
    assert sum(pull_request.merged_at is not None for pull_request in new) > 20
    assert all(pull_request.created_at >= began for pull_request in new)
    assert newest(new) <= simulator.clock.now()
    waiting = [p for r in world.repositories.values() for p in r.pull_requests.values()]
    assert sum(pull_request.state == "OPEN" for pull_request in waiting) < 120
