"""The generated world is the same for a seed and does not contradict itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from statistics import median

import pytest

from github_simulator.generator import generate
from github_simulator.git import git_of, history
from github_simulator.world import Deployment, PullRequest, World

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


def test_same_seed_same_world() -> None:
    def titles(seed: int) -> list[str]:
        small = generate(seed, NOW, people=12, repositories=4, pull_requests=200)
        return [f"{p!r}" for p in pull_requests(small)]

    assert titles(7) == titles(7)
    assert titles(8) != titles(7)


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


def by(world: World, login: str) -> list[PullRequest]:
    return [p for p in pull_requests(world) if p.author and p.author.login == login]


def messages(pull_request: PullRequest) -> str:
    return "\n".join(commit.message for commit in pull_request.commits)


def test_agents_open_what_people_asked_for(world: World) -> None:
    assert 60 < len(by(world, "copilot-swe-agent")) < 300
    assert len(by(world, "devin-ai-integration")) > 25
    noreply = [
        p for p in by(world, "copilot-swe-agent") if "@users.noreply.github.com" in messages(p)
    ]
    assert len(noreply) > 0.8 * len(by(world, "copilot-swe-agent"))
    (agent,) = (a for a in world.accounts.values() if a.login == "cursoragent")
    assert (agent.id, agent.type) == (199161495, "User")
    mixed = [
        p
        for p in pull_requests(world)
        if p.author is not agent and any(c.author is agent for c in p.commits)
    ]
    assert len(mixed) > 15


def test_agents_review_their_own_work_and_other_programs_review_too(world: World) -> None:
    own = by(world, "copilot-swe-agent")
    assert any(review.author is p.author for p in own for review in p.reviews)
    reviewers = {r.author.login for p in pull_requests(world) for r in p.reviews if r.author}
    assert {"coderabbitai", "copilot-pull-request-reviewer"} <= reviewers


def test_marks_and_lookalikes(world: World) -> None:
    everything = list(pull_requests(world))
    for mark in ("noreply@anthropic.com", "Made-with: Cursor", "<copilot@github.com>"):
        assert any(mark in messages(p) for p in everything), mark
    for mark in (
        "\n> \N{ROBOT FACE}",
        "```\n\N{ROBOT FACE}",
        "chatgpt.com/codex",
        "CURSOR_SUMMARY",
    ):
        assert any(mark in p.body for p in everything), mark
    assert any("Claude Code" in p.title for p in everything)
    assert any((c.author_name or "").endswith(" (aider)") for p in everything for c in p.commits)


def test_assistants_are_more_common_lately(world: World) -> None:
    ordered = sorted(pull_requests(world), key=lambda p: p.created_at)
    half = len(ordered) // 2

    def marked(some: list[PullRequest]) -> int:
        return sum("Claude" in messages(p) + p.body for p in some)

    assert marked(ordered[half:]) > 1.5 * marked(ordered[:half]) > 0


def test_some_reach_production(world: World) -> None:
    deploying = [r for r in world.repositories.values() if r.deployments]
    assert len(deploying) == 7
    for repository in deploying:
        states = [d.statuses[-1].state for d in repository.deployments.values()]
        assert states.count("SUCCESS") <= 2
        assert states.count("INACTIVE") > 30
        assert all(d.id > 2**31 for d in repository.deployments.values())
        assert all(d.oid in repository.git.commits for d in repository.deployments.values())
    assert sum("FAILURE" in [s.state for s in d.statuses] for d in deployed(world)) > 10
    assert len([r for r in world.repositories.values() if r.releases]) == 2
    assert len([r for r in world.repositories.values() if r.runs]) == 1


def deployed(world: World) -> list[Deployment]:
    return [d for r in world.repositories.values() for d in r.deployments.values()]


def test_no_event_is_in_the_future(world: World) -> None:
    assert max(s.created_at for d in deployed(world) for s in d.statuses) <= NOW
    runs = [run for r in world.repositories.values() for run in r.runs.values()]
    assert max(run.updated_at for run in runs) <= NOW
    assert any(run.attempt == 2 and run.conclusion == "success" for run in runs)


def test_a_history_reaches_back_to_its_root(world: World) -> None:
    for repository in world.repositories.values():
        if repository.deployments:
            git = git_of(repository)
            names = history(repository, git.heads["main"])
            assert git.commits[names[-1]].parents == ()
            assert all(set(git.commits[n].parents) <= set(names) for n in names)


def test_a_queue_is_in_the_timeline(world: World) -> None:
    kinds = [event.type for p in pull_requests(world) for event in p.timeline]
    assert kinds.count("AddedToMergeQueueEvent") > 100
    assert "RemovedFromMergeQueueEvent" in kinds
