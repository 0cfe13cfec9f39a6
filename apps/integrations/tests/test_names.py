"""A name belongs to the repository that has it now; a former one is OWNER/NAME@ID everywhere."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client
from pytest_django import Settings

from apps.integrations.models import SyncRun
from apps.integrations.repositories import adhoc
from apps.integrations.sync import schedule
from apps.integrations.tests.stage import Place, Stage, ago, work
from apps.metrics.lists import export
from apps.metrics.models import PullRequest
from apps.teams.models import Team
from github_simulator import actions

pytestmark = pytest.mark.django_db
NAME = "acme/shop"


@pytest.fixture
def former(stage: Stage, settings: Settings) -> str:
    """The new name of the first of two repositories with one name, when both are synced."""
    settings.GITHUB_TOKEN = stage.github.token
    first = stage.track("shop")
    for title in ("Old one", "Old two"):
        merge(first, title)
    stage.sync()
    stage.github.act("delete_repository", repository=NAME)
    made = stage.github.act("create_repository", repository=NAME)
    there = stage.github.simulator.world.repositories[made["id"]]
    merge(Place(stage.github, there), "New one")
    tracked = adhoc.track(stage.team, NAME, print)
    run = schedule.begin(stage.team, [tracked], SyncRun.Reason.TERMINAL)
    while claimed := schedule.claim(datetime.now(UTC), run):
        schedule.serve(claimed)
    work()
    return f"{NAME}@{first.repository.id}"


def merge(place: Place, title: str) -> None:
    pull = place.open(ago(days=2), title=title)
    actions.merge(place.deed(ago(days=1)), pull)


def titles(team: Team, repository: str) -> list[str]:
    return [row["title"] for row in export.pull_requests(team, repository)]


def test_it_works(stage: Stage, former: str) -> None:
    assert titles(stage.team, NAME) == ["New one"]
    assert titles(stage.team, former) == ["Old one", "Old two"]
    assert {row["repository"] for row in export.commits(stage.team)} == {NAME, former}


def test_each_page_is_of_one_of_them(stage: Stage, former: str, alice_client: Client) -> None:
    pages = "/a/acme/pull-requests/"
    new = alice_client.get(f"{pages}{NAME}/1/").content.decode()
    old = alice_client.get(f"{pages}{former}/1/").content.decode()
    assert ("New one" in new, "Open on GitHub" in new) == (True, True)
    assert ("Old one" in old, "Open on GitHub" in old) == (True, False)
    listed = alice_client.get(f"{pages}?repo={former}&period=all").content.decode()
    assert ("Old two" in listed, "New one" in listed) == (True, False)
    assert f'href="{pages}{former}/2/"' in listed


def test_a_pattern_that_leaves_a_name_out_leaves_both_out(stage: Stage, former: str) -> None:
    Team.objects.update(excluded_repositories=[NAME], recalculate_from=0)
    work()
    assert PullRequest.objects.filter(team=stage.team, is_excluded=True).count() == 3
