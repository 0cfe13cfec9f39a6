"""Random commit graphs, compared with plain sets of ancestors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from apps.metrics.calculations.ancestry import Graph, generations
from apps.metrics.calculations.deployments import (
    Application,
    Deployment,
    Outcome,
    PullRequest,
    failures,
    in_order,
)

BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    """Up to thirty commits, each with up to three parents among those before it."""
    parents: dict[str, tuple[str, ...]] = {}
    for number in range(draw(st.integers(2, 30))):
        before = list(parents)
        chosen = draw(st.lists(st.sampled_from(before), max_size=3, unique=True)) if before else []
        parents[f"c{number}"] = tuple(chosen)
    return parents


def with_ancestors(parents: dict[str, tuple[str, ...]], sha: str) -> set[str]:
    found = {sha}
    for parent in parents[sha]:
        found |= with_ancestors(parents, parent)
    return found


def deployment(number: int, sha: str, place: str | None = "", hours: int = 0) -> Deployment:
    at = BEGIN + timedelta(hours=hours or number)
    return Deployment(f"d{number}", sha, sha if place == "" else place, at, at)


def test_it_works() -> None:
    graph = Graph.from_parents({"a": (), "b": ("a",), "c": ("b",)})
    application = Application()
    first, second, back, again, forward = (
        application.deploy(deployment(number, sha), graph)
        for number, sha in enumerate(["a", "c", "a", "a", "c"])
    )
    assert first.brought == ()
    assert set(second.brought) == {"b", "c"}
    assert back.is_rollback
    assert set(back.taken_out) == {"b", "c"}
    assert again.is_repeat
    assert forward.is_restore
    assert forward.brought == ()


@given(graphs(), st.data())
def test_ancestors_are_those_of_plain_sets(
    parents: dict[str, tuple[str, ...]], data: st.DataObject
) -> None:
    graph = Graph.from_parents(parents)
    older = data.draw(st.sampled_from(list(parents)))
    newer = data.draw(st.sampled_from(list(parents)))
    assert graph.is_ancestor(older, newer) == (
        older != newer and older in with_ancestors(parents, newer)
    )
    if older != newer:
        expected = with_ancestors(parents, newer) - with_ancestors(parents, older)
        between = graph.between(older, newer)
        assert set(between) == expected
        assert len(between) == len(expected)


@given(graphs())
def test_a_parent_is_of_an_earlier_generation(parents: dict[str, tuple[str, ...]]) -> None:
    found = generations(parents)
    assert all(found[one] < found[sha] for sha in parents for one in parents[sha])


@given(graphs(), st.data())
def test_each_commit_is_brought_once_and_never_by_the_first(
    parents: dict[str, tuple[str, ...]], data: st.DataObject
) -> None:
    graph = Graph.from_parents(parents)
    shas = data.draw(st.lists(st.sampled_from(list(parents)), min_size=1, max_size=12))
    application, known, live = Application(), set[str](), ""
    for number, sha in enumerate(shas):
        outcome = application.deploy(deployment(number, sha), graph)
        reached = with_ancestors(parents, sha)
        assert set(outcome.brought) == (reached - known if known else set())
        assert outcome.is_repeat == (sha == live)
        is_older = bool(live) and sha != live and sha in with_ancestors(parents, live)
        assert outcome.is_rollback == is_older
        assert outcome.is_restore == (sha in known and sha != live and not is_older)
        known |= reached
        live = sha


@given(graphs(), st.data())
def test_counting_in_steps_equals_counting_at_once(
    parents: dict[str, tuple[str, ...]], data: st.DataObject
) -> None:
    graph = Graph.from_parents(parents)
    shas = data.draw(st.lists(st.sampled_from(list(parents)), min_size=2, max_size=8))
    all_of_them = [deployment(number, sha) for number, sha in enumerate(shas)]
    at_once = Application()
    whole = [at_once.deploy(one, graph) for one in all_of_them]
    begun = Application()
    for one in all_of_them[:-1]:
        begun.deploy(one, graph)
    resumed = Application(live=begun.live, brought=set(begun.brought), shas=set(begun.shas))
    assert resumed.deploy(all_of_them[-1], graph) == whole[-1]


@given(graphs(), st.data())
def test_later_pushes_do_not_change_past_deployments(
    parents: dict[str, tuple[str, ...]], data: st.DataObject
) -> None:
    """Even if force-pushed from below what was deployed; and two applications are independent."""
    shas = list(parents)
    pushed = data.draw(st.integers(1, len(shas)))
    before = st.tuples(st.sampled_from(["eu", "us"]), st.sampled_from(shas[:pushed]))
    after = st.tuples(st.sampled_from(["eu", "us"]), st.sampled_from(shas))
    early = data.draw(st.lists(before, max_size=8))
    late = data.draw(st.lists(after, max_size=8))
    begun = Graph.from_parents({sha: parents[sha] for sha in shas[:pushed]})
    steps = [(begun, one) for one in early] + [(Graph.from_parents(parents), one) for one in late]
    applications = {"eu": Application(), "us": Application()}
    found = [
        (name, applications[name].deploy(deployment(number, sha), graph))
        for number, (graph, (name, sha)) in enumerate(steps)
    ]
    for wanted in applications:
        alone = Application()
        again = [
            alone.deploy(deployment(number, sha), Graph.from_parents(parents))
            for number, (name, sha) in enumerate([*early, *late])
            if name == wanted
        ]
        assert [as_tuple(each) for name, each in found if name == wanted] == list(
            map(as_tuple, again)
        )


def as_tuple(outcome: Outcome) -> tuple[object, ...]:
    """Commits in any order: a graph has no other."""
    kind = outcome.is_repeat, outcome.is_rollback, outcome.is_restore
    return kind, frozenset(outcome.brought), frozenset(outcome.taken_out)


def test_a_commit_elsewhere_brings_nothing_that_it_does_not_contain() -> None:
    graph = Graph.from_parents({"a": (), "b": ("a",), "c": ("b",)})
    application = Application()
    application.deploy(deployment(0, "a"), graph)
    picked = application.deploy(deployment(1, "release-1", place="b"), graph)
    picked_again = application.deploy(deployment(2, "release-2", place="b"), graph)
    assert picked.brought == ("b",)
    assert picked_again.brought == ()
    assert picked_again.is_counted


def test_what_cannot_be_placed_counts_and_leaves_what_is_live() -> None:
    graph = Graph.from_parents({"a": (), "b": ("a",)})
    application = Application()
    application.deploy(deployment(0, "b"), graph)
    lost = application.deploy(deployment(1, "nowhere", place=None), graph)
    assert lost.is_counted
    assert lost.brought == ()
    assert application.deploy(deployment(2, "b"), graph).is_repeat


def test_an_older_release_line_is_no_rollback() -> None:
    graph = Graph.from_parents({"a": (), "b": ("a",), "c": ("b",)})
    releases = Application(goes_back=False)
    releases.deploy(deployment(0, "a"), graph)
    releases.deploy(deployment(1, "c"), graph)
    older = releases.deploy(deployment(2, "b"), graph)
    assert older.is_counted
    assert older.brought == ()


def test_of_equal_instants_an_ancestor_comes_first() -> None:
    graph = Graph.from_parents({"a": (), "b": ("a",)})
    newer = Deployment("d1", "b", "b", BEGIN, BEGIN)
    older = Deployment("d2", "a", "a", BEGIN, BEGIN)
    assert in_order([newer, older], graph) == [older, newer]


def failed(
    shas: dict[int, str], pull_requests: list[PullRequest], parents: dict[str, tuple[str, ...]]
) -> dict[str, tuple[str, str]]:
    """By deployment: why it failed and which one fixed it; `shas` are an hour apart."""
    graph, application = Graph.from_parents(parents), Application()
    outcomes = [
        application.deploy(deployment(number, sha, hours=hours), graph)
        for number, (hours, sha) in enumerate(shas.items())
    ]
    found = failures(outcomes, pull_requests)
    return {id_: (one.cause, one.mended_by) for id_, one in found.items()}


LINE: dict[str, tuple[str, ...]] = {"a": (), "b": ("a",), "c": ("b",), "d": ("c",)}


def test_a_rollback_blames_the_earliest_deployment_it_removes() -> None:
    assert failed({1: "a", 2: "b", 3: "c", 4: "a"}, [], LINE) == {"d1": ("rollback", "d3")}


def test_a_revert_counts_within_seven_days_and_in_a_later_deployment() -> None:
    feature = PullRequest(1, "b", BEGIN)
    revert = PullRequest(2, "c", BEGIN, is_revert=True, reverts=1)
    week = 7 * 24
    merged = [feature, revert]
    assert failed({1: "a", 2: "b", 2 + week: "c"}, merged, LINE) == {"d1": ("revert", "d2")}
    assert failed({1: "a", 2: "b", 3 + week: "c"}, merged, LINE) == {}
    assert failed({1: "a", 2: "c"}, merged, LINE) == {}


def test_a_revert_of_a_revert_is_no_failure() -> None:
    revert = PullRequest(1, "b", BEGIN, is_revert=True)
    again = PullRequest(2, "c", BEGIN, is_revert=True, reverts=1)
    assert failed({1: "a", 2: "b", 3: "c"}, [revert, again], LINE) == {}


def test_a_hotfix_blames_the_last_before_it_was_opened() -> None:
    hotfix = PullRequest(1, "d", BEGIN + timedelta(hours=4), is_hotfix=True)
    assert failed({1: "a", 2: "b", 3: "c", 5: "d"}, [hotfix], LINE) == {"d2": ("hotfix", "d3")}
    assert failed({1: "a", 2: "b", 3: "c", 52: "d"}, [hotfix], LINE) == {}


def test_an_unplaced_deployment_never_fails() -> None:
    graph, application = Graph.from_parents(LINE), Application()
    outcomes = [
        application.deploy(deployment(1, "a", hours=1), graph),
        application.deploy(deployment(2, "c", hours=2), graph),
        application.deploy(deployment(3, "nowhere", place=None, hours=3), graph),
        application.deploy(deployment(4, "d", hours=5), graph),
    ]
    hotfix = PullRequest(1, "d", BEGIN + timedelta(hours=4), is_hotfix=True)
    assert {id_: one.cause for id_, one in failures(outcomes, [hotfix]).items()} == {"d2": "hotfix"}


def test_a_deployment_fails_once_by_what_was_mended_first() -> None:
    hotfix = PullRequest(1, "d", BEGIN + timedelta(hours=2, minutes=30), is_hotfix=True)
    parents: dict[str, tuple[str, ...]] = {"a": (), "b": ("a",), "d": ("b",)}
    shas = {1: "a", 2: "b", 3: "a", 4: "d"}
    assert failed(shas, [hotfix], parents) == {"d1": ("rollback", "d2")}
