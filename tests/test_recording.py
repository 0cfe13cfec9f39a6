"""A real repository's 998 pull requests, on the command line: every exported field and figure.

The expected values are calculated here from the recording by METRICS, in a few independent lines.
"""

from __future__ import annotations

import csv
import io
import json
import statistics
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from github_simulator.testing import Running, running
from tests.terminal import Terminal

RECORDING = Path(__file__).parents[2] / "shared" / "data" / "tls13-spec.json"
NAME = "tlswg/tls13-spec"
BOTS = {"copilot-pull-request-reviewer"}

pytestmark = pytest.mark.skipif(
    not RECORDING.exists(), reason="the recording ../shared/data/tls13-spec.json is not here"
)


@pytest.fixture(scope="module")
def recorded() -> dict[int, dict[str, Any]]:
    """The recording's pull requests by number."""
    repository = json.loads(RECORDING.read_text())["repositories"][0]
    return {pull["number"]: pull for pull in repository["pulls"]}


@pytest.fixture(scope="module")
def github() -> Iterator[Running]:
    with running(data=RECORDING) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def terminal(github: Running, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    return Terminal(github, tmp_path_factory.mktemp("fresh"))


@pytest.fixture(scope="module")
def synced(terminal: Terminal) -> subprocess.CompletedProcess[str]:
    return terminal.run("sync", NAME)


@pytest.fixture(scope="module")
def pull_requests(
    terminal: Terminal, synced: subprocess.CompletedProcess[str]
) -> dict[int, dict[str, Any]]:
    return {row["number"]: row for row in terminal.rows("pull-requests")}


def instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def at(row: dict[str, Any], name: str) -> datetime:
    value = instant(row[name])
    assert value is not None
    return value


def login(name: str | None) -> str | None:
    return name.removesuffix("[bot]") if name else None


def people_reviews(pull: dict[str, Any]) -> list[dict[str, Any]]:
    """Submitted in time, by a person other than the author, the first one first."""
    end = pull["mergedAt"] or pull["closedAt"] or "9999-12-31T00:00:00Z"
    found = [
        review
        for review in pull["reviews"]
        if review["submittedAt"]
        and at(pull, "createdAt") <= at(review, "submittedAt") <= datetime.fromisoformat(end)
        and login(review["author"]) not in {*BOTS, login(pull["author"])}
    ]
    return sorted(found, key=lambda review: at(review, "submittedAt"))


def test_it_works(synced: subprocess.CompletedProcess[str]) -> None:
    assert synced.returncode == 0, synced.stderr
    assert NAME in synced.stdout
    assert "998" in synced.stdout


def test_every_field_that_github_gives(
    pull_requests: dict[int, dict[str, Any]], recorded: dict[int, dict[str, Any]], github: Running
) -> None:
    assert pull_requests.keys() == recorded.keys()
    for number, pull in recorded.items():
        row = pull_requests[number]
        given = {
            "repository": NAME,
            "github_id": pull["database_id"],
            "node_id": pull["node_id"],
            "title": pull["title"],
            "state": pull["state"].lower(),
            "is_draft": False,
            "author_login": login(pull["author"]),
            "base_branch": pull["baseRefName"],
            "head_branch": pull["headRefName"],
            "labels": [
                label if isinstance(label, str) else label["name"] for label in pull["labels"]
            ],
            "additions": pull["additions"] or 0,
            "deletions": pull["deletions"] or 0,
            "changed_files": pull["changedFiles"] or 0,
            "commits": len(pull["commits"]),
            "comments": pull["comments"],
            "merged_by_login": login(pull["mergedBy"]),
            "url": f"{github.url}/{NAME}/pull/{number}",
        }
        assert {name: row[name] for name in given} == given
        for ours, theirs in (
            ("opened_at", "createdAt"),
            ("updated_at", "updatedAt"),
            ("closed_at", "closedAt"),
            ("merged_at", "mergedAt"),
        ):
            assert instant(row[ours]) == instant(pull[theirs]), (number, ours)


def test_the_reviews(terminal: Terminal, recorded: dict[int, dict[str, Any]], synced: Any) -> None:
    rows = {row["github_id"]: row for row in terminal.rows("reviews")}
    expected = {
        review["database_id"]: (number, login(review["author"]), review["state"].lower())
        for number, pull in recorded.items()
        for review in pull["reviews"]
    }
    assert len(expected) == 979
    assert {
        key: (row["number"], row["reviewer_login"], row["state"]) for key, row in rows.items()
    } == expected
    submitted = {
        review["database_id"]: instant(review["submittedAt"])
        for pull in recorded.values()
        for review in pull["reviews"]
    }
    assert {key: instant(row["submitted_at"]) for key, row in rows.items()} == submitted


def test_the_commits(terminal: Terminal, recorded: dict[int, dict[str, Any]], synced: Any) -> None:
    rows = [
        (
            row["number"],
            row["sha"],
            instant(row["authored_at"]),
            instant(row["committed_at"]),
            row["additions"],
            row["deletions"],
            row["message_headline"],
            row["author_login"],
        )
        for row in terminal.rows("commits")
    ]
    expected = [
        (
            number,
            commit["oid"],
            instant(commit["authoredDate"]),
            instant(commit["committedDate"]),
            commit["additions"],
            commit["deletions"],
            commit["messageHeadline"],
            None,
        )
        for number, pull in sorted(recorded.items())
        for commit in pull["commits"]
    ]
    assert len(expected) == 825
    assert sorted(rows, key=str) == sorted(expected, key=str)


def test_the_figures(
    pull_requests: dict[int, dict[str, Any]], recorded: dict[int, dict[str, Any]]
) -> None:
    for number, pull in recorded.items():
        row = pull_requests[number]
        opened = at(pull, "createdAt")
        first = min([opened, *(at(commit, "authoredDate") for commit in pull["commits"])])
        reviews = people_reviews(pull)
        approvals = [at(r, "submittedAt") for r in reviews if r["state"] == "APPROVED"]
        assert at(row, "first_commit_at") == first
        assert at(row, "ready_at") == opened
        assert instant(row["first_review_at"]) == (
            at(reviews[0], "submittedAt") if reviews else None
        )
        assert instant(row["approved_at"]) == max(approvals, default=None)
        assert row["reviewers"] == len({review["author"] for review in reviews})
        assert row["has_old_commit"] == ((opened - first).total_seconds() > 30 * 86400)
        lines = row["additions"] + row["deletions"]
        assert row["size"] == next(
            name
            for name, most in (("XS", 10), ("S", 50), ("M", 200), ("L", 500), ("XL", 10**9))
            if lines <= most
        )
        if pull["mergedAt"]:
            merged = at(pull, "mergedAt")
            assert row["cycle_time"] == (merged - first).total_seconds()
            assert row["time_to_merge"] == (merged - opened).total_seconds()
            stages = ("coding_time", "pickup_time", "review_time", "merge_time")
            assert sum(row[stage] or 0 for stage in stages) == row["cycle_time"]
            assert (row["pickup_time"] is None) == (not reviews)
        else:
            assert row["cycle_time"] is None


def test_the_printed_figures(
    synced: subprocess.CompletedProcess[str], recorded: dict[int, dict[str, Any]]
) -> None:
    merged = [pull for pull in recorded.values() if pull["mergedAt"]]
    covered = sum(1 for pull in merged if people_reviews(pull))
    assert len(merged) == 725
    assert f"{100 * covered / len(merged):.1f}%" in synced.stdout


def test_the_cycle_time_has_the_median_of_the_recording(
    pull_requests: dict[int, dict[str, Any]], recorded: dict[int, dict[str, Any]]
) -> None:
    cycles = []
    for pull in recorded.values():
        if pull["mergedAt"]:
            starts = [at(pull, "createdAt"), *(at(c, "authoredDate") for c in pull["commits"])]
            cycles.append((at(pull, "mergedAt") - min(starts)).total_seconds())
    stored = [row["cycle_time"] for row in pull_requests.values() if row["cycle_time"] is not None]
    assert statistics.median(stored) == statistics.median(cycles)


def test_csv_has_the_same_rows(terminal: Terminal, synced: Any) -> None:
    done = terminal.run("export", "pull-requests", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == 998
    assert {row["repository"] for row in rows} == {NAME}


def test_a_second_sync_changes_nothing_and_costs_a_request_or_two(
    terminal: Terminal, synced: Any, pull_requests: dict[int, dict[str, Any]]
) -> None:
    done = terminal.run("sync", NAME)
    assert done.returncode == 0, done.stderr
    assert {row["number"]: row for row in terminal.rows("pull-requests")} == pull_requests


def test_since_leaves_out_what_did_not_change(
    github: Running, tmp_path: Path, recorded: dict[int, dict[str, Any]]
) -> None:
    fresh = Terminal(github, tmp_path)
    assert fresh.run("sync", NAME, "--since", "2024-01-01").returncode == 0
    expected = {n for n, pull in recorded.items() if pull["updatedAt"] >= "2024-01-01"}
    assert {row["number"] for row in fresh.rows("pull-requests")} == expected
    # Asked for more, it continues where it stopped and ends with everything.
    assert fresh.run("sync", NAME).returncode == 0
    assert len(fresh.rows("pull-requests")) == 998
