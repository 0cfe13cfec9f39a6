"""The rows behind figures: cached on disk, merged with later changes, and never stale."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client

from apps.integrations.keeping.retention import RETENTION
from apps.metrics.figures import arrays, change_queries, freshness, kept, queries
from apps.metrics.figures.arrays import Arrays
from apps.metrics.figures.current import KEPT_FROM, current
from apps.metrics.figures.kept import Kept
from apps.metrics.models import PullRequest, Repository
from apps.metrics.tests.factories import (
    NOON,
    Review,
    make_copies,
    make_member,
    make_pull_request,
    make_repository,
    make_team,
)
from apps.metrics.tests.test_queries import filters_of
from apps.teams.models import Team

pytestmark = pytest.mark.django_db
ALL = "since=2026-01-01&until=2026-12-31"


def make_large(team: Team) -> Repository:
    """Enough pull requests to be worth a file."""
    repository = make_repository(team)
    made = make_pull_request(
        repository, author=make_member(team, "alice"), reviews=[Review(make_member(team, "bob"), 1)]
    )
    make_copies(made, KEPT_FROM)
    return repository


def path_of(team: Team) -> Path:
    return Path(settings.DATA_DIR) / "figures" / f"{team.pk}.arrays"


def merged(team: Team) -> int:
    return queries.figures(team, filters_of(team, ALL)).merged


def assert_same(found: Arrays, expected: Arrays) -> None:
    for name, table in expected.tables.items():
        if name == "labels":  # more are harmless
            continue
        for column, values in table.items():
            assert np.array_equal(found.tables[name][column], values), (name, column)


def _in_one_order(found: Arrays) -> Arrays:
    children = {name: _sorted(getattr(found, name)) for name in ("reviews", "ai_reviews", "turned")}
    return replace(found, **children)


def assert_current(team: Team) -> None:
    """The rows behind figures equal the database."""
    found = current(team)
    parts = [a if s is None else a.without(~s) for a, s in found.parts]
    whole, expected = arrays.joined(parts).in_order(), arrays.read(team)
    assert_same(_in_one_order(whole), _in_one_order(expected))


def _sorted(table: Any) -> Any:
    return arrays.taken(table, np.argsort(table["id"]))


def test_it_works() -> None:
    team = make_team()
    repository = make_large(team)
    assert merged(team) == KEPT_FROM + 1
    mode = stat.S_IMODE(path_of(team).stat().st_mode)
    assert mode == 0o600
    before = path_of(team).stat().st_ino

    make_pull_request(repository)
    make_pull_request(make_repository(team, "acme/api"), state="open")

    assert merged(team) == KEPT_FROM + 2
    assert_current(team)
    assert path_of(team).stat().st_ino == before  # too little for another file


def test_a_row_that_changes_again_and_again() -> None:
    team = make_team()
    repository = make_large(team)
    row = make_pull_request(repository, reviews=[Review(make_member(team, "carol"), 2)])
    for hours in (1, 2, 3):
        revision = freshness.changed(repository.pk)
        merged_at = NOON + timedelta(hours=hours)
        PullRequest.objects.filter(pk=row.pk).update(merged_at=merged_at, stored_revision=revision)
        assert merged(team) == KEPT_FROM + 2
        assert_current(team)


def test_what_had_begun_is_known_after_the_first_pull_request_changed() -> None:
    team = make_team()
    repository = make_large(team)
    rows = PullRequest.objects.filter(repository=repository).order_by("pk")
    first, second = (PullRequest.objects.filter(pk=each.pk) for each in rows[:2])
    first.update(opened_at=NOON - timedelta(days=90))
    second.update(opened_at=NOON - timedelta(days=80))
    make_pull_request(make_repository(team, "acme/new"))
    filters = filters_of(team, "since=2026-03-01&until=2026-03-31")

    def change(row: Any, **fields: Any) -> set[int]:
        row.update(**fields, stored_revision=freshness.changed(repository.pk))
        return change_queries.begun(team, filters)

    assert change_queries.begun(team, filters) == {repository.pk}
    assert change(first, title="Edited") == {repository.pk}
    assert change(first, is_excluded=True) == {repository.pk}  # The second is its first now.
    assert change(second, is_excluded=True) == set()
    assert change(first, is_excluded=False) == {repository.pk}
    assert path_of(team).exists()


def test_many_changes_rewrite_the_file() -> None:
    team = make_team()
    repository = make_large(team)
    assert merged(team) == KEPT_FROM + 1
    before = path_of(team).stat().st_ino
    revision = freshness.changed(repository.pk)
    PullRequest.objects.filter(repository=repository).update(
        stored_revision=revision, state="open", merged_at=None
    )
    assert merged(team) == 0
    assert path_of(team).stat().st_ino != before
    assert_current(team)


def test_what_is_deleted_is_gone_at_once(django_capture_on_commit_callbacks: Any) -> None:
    team = make_team()
    repository = make_large(team)
    assert merged(team) == KEPT_FROM + 1
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        freshness.gone(team.pk)
        PullRequest.objects.filter(repository=repository, number__gte=10**6 + 10).delete()
    assert not path_of(team).exists()
    assert merged(team) == 11


def test_a_repository_being_deleted_counts_no_more_and_drops_arrays_once() -> None:
    team = make_team()
    leaving = make_large(team)
    make_pull_request(make_repository(team, "acme/stays"))
    assert merged(team) == KEPT_FROM + 2
    freshness.leave(Repository.objects.filter(pk=leaving.pk))
    assert merged(team) == 1
    kept_for = Team.objects.get(pk=team.pk).figures_key
    for bit in range(3):
        PullRequest.objects.filter(repository=leaving, number=10**6 + bit).delete()
        freshness.changed(leaving.pk)
        assert merged(team) == 1
        assert_current(team)
    assert Team.objects.get(pk=team.pk).figures_key == kept_for
    # If tracked again, what is left of it counts again.
    Repository.objects.filter(pk=leaving.pk).update(is_leaving=False)
    assert merged(team) == KEPT_FROM - 1


def test_expired_rows_count_no_more_while_they_are_deleted() -> None:
    team = make_team(keep_days=30)
    repository = make_large(team)
    now = NOON + timedelta(days=100)
    make_pull_request(repository, opened_at=now - timedelta(days=1))
    assert merged(team) == KEPT_FROM + 2
    keys = set()
    for _ in range(2):
        RETENTION.do(team, now)
        keys.add(Team.objects.get(pk=team.pk).figures_key)
        assert merged(team) == 1
        assert_current(team)
    assert len(keys) == 1
    assert PullRequest.objects.filter(team=team).count() < KEPT_FROM


def test_another_machines_file_of_deleted_rows_is_not_used() -> None:
    team = make_team()
    repository = make_large(team)
    assert merged(team) == KEPT_FROM + 1
    freshness.gone(team.pk)  # and nothing is announced here
    PullRequest.objects.filter(repository=repository, number__gte=10**6 + 10).delete()
    assert path_of(team).exists()
    assert merged(team) == 11


@pytest.mark.parametrize("damage", ["cut", "longer", "empty", "format", "mark", "gone", "header"])
def test_a_truncated_file_is_rebuilt(damage: str) -> None:
    team = make_team()
    whole = arrays.read(team)
    kept.write(team.pk, Kept("key", {1: 2}, whole))
    path = path_of(team)
    content = path.read_bytes()
    broken = {
        "cut": content[:-1],
        "longer": content + b"\0",
        "empty": b"",
        "format": content[:16] + b"another version!" + content[32:],
        "mark": b"something else.." + content[16:],
        "header": content[:20],
    }
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(broken[damage])
    assert kept.read(team.pk, "key") is None
    kept.write(team.pk, Kept("key", {1: 2}, whole))
    found = kept.read(team.pk, "key")
    assert found is not None
    assert found.revisions == {1: 2}
    assert_same(found.arrays, whole)
    assert kept.read(team.pk, "another key") is None


def test_an_older_database_is_not_mistaken_for_a_newer_one() -> None:
    team = make_team()
    repository = make_large(team)
    make_pull_request(repository)
    assert merged(team) == KEPT_FROM + 2
    # As after a restored backup, which has neither the row nor the revision.
    PullRequest.objects.filter(repository=repository, number__lt=10**6).delete()
    Repository.objects.filter(pk=repository.pk).update(revision=0)
    assert merged(team) == KEPT_FROM


WRITER = """
import os, sys, django
django.setup()
import numpy as np
from apps.metrics.figures import kept, arrays
rows = 20_000
def table(name):
    columns = arrays.COLUMNS[name]
    return {column: np.full(rows, number, kind) for column, kind in columns.items()}
for number in range(1, 10_000):
    found = arrays.Arrays(**{name: table(name) for name in arrays.COLUMNS})
    kept.write(int(sys.argv[1]), kept.Kept("key", {1: number}, found))
    print(number, flush=True)
"""


def test_a_killed_writer_leaves_a_complete_file() -> None:
    team = make_team()
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tformance.settings"}
    environment["DATA_DIR"] = str(settings.DATA_DIR)
    command = [sys.executable, "-c", WRITER, str(team.pk)]
    for wait in (0.0, 0.003, 0.007, 0.013):
        writer = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
        assert writer.stdout
        writer.stdout.readline()
        time.sleep(wait)  # so that it is killed at another step each time
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        found = kept.read(team.pk, "key")
        assert found is not None
        number = found.revisions[1]
        for table in found.arrays.tables.values():
            for values in table.values():
                assert (values == values.dtype.type(number)).all()


FULL = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
"""


def test_a_full_disk_keeps_the_former_file() -> None:
    team = make_team()
    kept.write(team.pk, Kept("key", {1: 0}, arrays.read(team)))
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tformance.settings"}
    environment["DATA_DIR"] = str(settings.DATA_DIR)
    command = [sys.executable, "-c", FULL + WRITER, str(team.pk)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "OSError" in ended.stderr
    found = kept.read(team.pk, "key")
    assert found is not None
    assert found.revisions == {1: 0}
    assert not path_of(team).with_suffix(".new").exists()


def test_others_see_the_progress_of_the_reading_process(
    team: Team, alice_client: Client, bob_client: Client, charlie_client: Client
) -> None:
    make_large(team)
    for path in ("/a/acme/pull-requests/", "/a/acme/production/deployments/?show=failed"):
        frame = bob_client.get(path).content.decode()
        assert "Preparing the figures" in frame
        assert "format=csv" in frame
    poll = "/a/acme/figures/prepared/"
    assert alice_client.get(poll).status_code == 204
    with kept.alone(team.pk):  # like another process that reads them
        kept.tell(team.pk, kept.Progress(KEPT_FROM + 1, 2_000))
        sentence = f"2,000 of {KEPT_FROM + 1:,} pull requests have been read."
        assert alice_client.get(poll).content.decode() == sentence
        assert charlie_client.get(poll).status_code == 404
        part = alice_client.get("/a/acme/flow/", headers={"HX-Request": "true"})
        assert sentence in part.content.decode()
        whole = alice_client.get("/a/acme/flow/?whole=1")
        assert sentence in whole.content.decode()
        assert whole.headers["Refresh"] == "2"
        kept.tell(team.pk, kept.Progress(KEPT_FROM + 1, KEPT_FROM + 1, 7))
        assert "and 7 reviews have been read" in alice_client.get(poll).content.decode()
    part = alice_client.get("/a/acme/flow/", headers={"HX-Request": "true"})
    assert "in progress" in part.content.decode()
    assert alice_client.get(poll).status_code == 204


def test_all_teams_together_stay_within_the_setting(settings: Any) -> None:
    teams = [make_team() for _ in range(3)]
    arrays_of_none = arrays.read(teams[0])
    kept.write(teams[0].pk, Kept("key", {}, arrays_of_none))
    settings.FIGURES_MEMORY = 2 * path_of(teams[0]).stat().st_size
    for path in path_of(teams[0]).parent.glob("*.arrays"):
        path.unlink()
    for place, team in enumerate(teams):
        kept.write(team.pk, Kept("key", {}, arrays_of_none))
        os.utime(path_of(team), (place + 1, place + 1))
    assert [path_of(team).exists() for team in teams] == [False, True, True]
