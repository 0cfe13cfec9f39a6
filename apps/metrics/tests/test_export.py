"""Exports, row by row."""

from __future__ import annotations

import csv
import io
import json

import pytest

from apps.metrics.lists import export
from apps.metrics.tests.factories import (
    NOON,
    Review,
    make_member,
    make_pull_request,
    make_repository,
    make_team,
)

pytestmark = pytest.mark.django_db


def _parsed(kind: str, **options: object) -> list[dict[str, object]]:
    lines = "".join(export.export(kind, **options))  # type: ignore[arg-type]
    return [json.loads(line) for line in lines.splitlines()]


def test_it_works() -> None:
    team = make_team()
    alice, bob = make_member(team, "alice"), make_member(team, "bob")
    shop = make_repository(team)
    pull_request = make_pull_request(
        shop,
        author=alice,
        commits=[-1],
        reviews=[Review(bob, 2)],
        fields={"labels": ["bug", "api"]},
    )

    [row] = _parsed("pull-requests", team=team)

    assert row["repository"] == "acme/shop"
    assert row["number"] == pull_request.number
    assert row["opened_at"] == "2026-03-02T12:00:00Z"
    assert row["cycle_time"] == 11 * 3600
    assert row["labels"] == ["bug", "api"]
    assert row["reviewers"] == 1
    assert list(row) == list(export.PULL_REQUEST_FIELDS)
    # New columns come last, so that programs that read CSV by position still work.
    later = ["ai", "ai_tools", "ai_evidence", "initiator_login", "initiator_github_id"]
    later += ["first_ai_review_at", "ai_reviews", "human_touched"]
    later += ["deployed_at", "deploy_time", "lead_time", "deployment"]
    assert list(row)[-len(later) - 1 :] == ["url", *later]
    assert [r["reviewer_login"] for r in _parsed("reviews", team=team)] == ["bob"]
    assert [c["number"] for c in _parsed("commits", team=team)] == [pull_request.number]
    assert [m["login"] for m in _parsed("members", team=team)] == ["alice", "bob"]


def test_no_other_team_s_rows() -> None:
    charlie = make_team("Other")
    make_pull_request(make_repository(make_team()), opened_at=NOON)
    for kind in export.EXPORTS:
        assert _parsed(kind, team=charlie) == []


def test_one_repository() -> None:
    team = make_team()
    make_pull_request(make_repository(team))
    wanted = make_pull_request(make_repository(team, "acme/api"))
    rows = _parsed("pull-requests", team=team, repository="acme/api")
    assert [row["number"] for row in rows] == [wanted.number]


def test_csv_is_safe_to_open_in_a_spreadsheet() -> None:
    team = make_team()
    make_pull_request(
        make_repository(team),
        title='=HYPERLINK("http://x")',
        fields={"labels": ["a", "b"], "is_external": True},
    )

    text = "".join(export.export("pull-requests", team, file_format="csv"))

    [row] = csv.DictReader(io.StringIO(text))
    assert row["title"] == '\'=HYPERLINK("http://x")'
    assert row["labels"] == "a;b"
    assert row["is_external"] == "true"
    assert row["pickup_time"] == ""


@pytest.mark.parametrize("sign", [*"=+-@\t\r\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_no_cell_begins_as_a_formula(sign: str) -> None:
    team = make_team()
    make_pull_request(make_repository(team), title=f"{sign}1+1")
    text = "".join(export.export("pull-requests", team, file_format="csv"))
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    assert row["title"] == f"'{sign}1+1"


def test_csv_without_rows_has_its_header() -> None:
    text = "".join(export.export("members", make_team(), file_format="csv"))
    assert text == "github_id,login,name,email,role,is_active,is_bot\r\n"
