"""The generated world is the same for a seed and does not contradict itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from statistics import median

import pytest

from github_simulator.generator import generate
from github_simulator.world import PullRequest, World

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def world() -> World:
    return generate(7, NOW)


def pull_requests(world: World) -> Iterator[PullRequest]:
    for repository in world.repositories.values():
        yield from repository.pull_requests.values()


def test_it_works(world: World) -> None:
    assert len(list(pull_requests(world))) > 2900
    assert [o.account.login for o in world.organizations.values()] == [
        "acme",
        "lumen-works",
        "harbor-tools",
    ]


def test_same_seed_same_world(world: World) -> None:
    def told(world: World) -> list[str]:
        return [f"{p!r}" for p in pull_requests(world)]

    assert told(generate(7, NOW)) == told(world)
    assert told(generate(8, NOW)) != told(world)


def test_updated_at_is_the_newest_of_its_events(world: World) -> None:
    for pull_request in pull_requests(world):
        instants = [pull_request.created_at, *(e.created_at for e in pull_request.timeline)]
        instants += [r.submitted_at for r in pull_request.reviews if r.submitted_at]
        assert max(instants) <= pull_request.updated_at <= NOW


def test_ids_are_unique_and_some_need_more_than_31_bits(world: World) -> None:
    ids = [pull_request.id for pull_request in pull_requests(world)]
    node_ids = [pull_request.node_id for pull_request in pull_requests(world)]
    assert len(set(ids)) == len(ids)
    assert len(set(node_ids)) == len(node_ids)
    assert min(ids) < 2**31 < max(ids)


def test_half_of_the_work_is_merged_within_one_to_three_days(world: World) -> None:
    hours = [
        (p.merged_at - min(c.authored_at for c in p.commits)).total_seconds() / 3600
        for p in pull_requests(world)
        if p.merged_at and p.author and p.author.type == "User"
    ]
    assert 24 < median(hours) < 72


def test_what_breaks_importers_is_there(world: World) -> None:
    everything = list(pull_requests(world))
    assert max(len(p.reviews) for p in everything) > 120
    assert max(len(p.commits) for p in everything) == 300
    assert any(p.author is None for p in everything)
    assert any(p.author and p.author.type == "Mannequin" for p in everything)
    assert any(p.head_repository is None for p in everything)
    assert any(p.title.startswith('Revert "') for p in everything)
    assert any(p.title.startswith("hotfix:") for p in everything)
    assert any(r.state == "DISMISSED" for p in everything for r in p.reviews)
    assert any(r.state == "PENDING" for p in everything for r in p.reviews)
    assert any(e.type == "ReopenedEvent" for p in everything for e in p.timeline)
    assert any(e.type == "HeadRefForcePushedEvent" for p in everything for e in p.timeline)
    assert any(c.author is None for p in everything for c in p.commits)


def test_the_demo_has_an_open_queue(world: World) -> None:
    waiting = [p for p in pull_requests(world) if p.state == "OPEN"]
    assert 30 < len(waiting) < 200


def test_sizes_are_asked_for() -> None:
    small = generate(1, NOW, people=5, repositories=2, pull_requests=20)
    acme = next(iter(small.organizations.values()))
    assert len(acme.members) == 5
    owned = [r for r in small.repositories.values() if r.owner is acme.account]
    assert [len(r.pull_requests) for r in owned] == [9, 11]
