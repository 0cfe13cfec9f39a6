"""A review requested of a GitHub team: it waits for the team until one of its members reviews."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from apps.integrations.models import GitHubIntegration, StalePullRequest
from apps.integrations.tests.github import ACME, ADA, GRACE, LINUS, connect
from apps.integrations.tests.stage import Place, Stage, ago
from apps.integrations.tests.stage import work as do_work
from apps.metrics.models import Group, PullRequest
from apps.teams.models import Team
from github_simulator import actions
from github_simulator.testing import Running
from github_simulator.world import PullRequest as There

pytestmark = pytest.mark.django_db
Work = Callable[[], None]
REPOS = "/a/acme/integrations/github/repos/"


def ask_platform(place: Place, hours: float = 90) -> There:
    """Linus's work, for which Platform is asked to review."""
    pull_request = place.open(ago(hours=hours), by=LINUS)
    platform = place.github.simulator.world.organizations[ACME].teams[0]
    actions.request_review(place.deed(ago(hours=hours - 1), LINUS), pull_request, platform)
    return pull_request


def test_it_works(github: Running, team: Team, alice_client: Client, work: Work) -> None:
    world = github.simulator.world
    website = next(each for each in world.repositories.values() if each.name == "website")
    place = Place(github, website)
    there = ask_platform(place)
    connect(alice_client)
    work()
    alice_client.post(REPOS, {"repositories": ["acme/website"]})
    work()
    row = PullRequest.objects.get()
    assert (row.waiting_for, row.waiting_since) == ("review", row.timeline.get().at)
    queue = alice_client.get("/a/acme/waiting/").content.decode()
    assert "Platform" in queue
    page = alice_client.get(f"/a/acme/pull-requests/acme/website/{row.number}/").content.decode()
    assert "Platform, no review yet" in page
    assert "asked platform for a review" in page
    actions.submit_review(place.deed(ago(hours=1), GRACE), there, "COMMENTED")
    alice_client.post("/a/acme/integrations/github/sync/")
    work()
    row.refresh_from_db()
    assert (row.waiting_for, row.waiting_since) == ("", row.opened_at)
    # Grace leaves the team, so that none of its members has reviewed.
    platform = world.organizations[ACME].teams[0]
    platform.members.remove(GRACE)
    GitHubIntegration.objects.update(members_due_at=ago())
    work()
    assert list(Group.objects.get().members.values_list("github_id", flat=True)) == [ADA]
    row.refresh_from_db()
    assert row.waiting_for == "review"


def test_a_token_that_may_not_see_teams_still_fetches(stage: Stage) -> None:
    token = stage.github.act("make_token", login="ada", scopes=["repo"])["token"]
    stage.integration.credential.access_token = token
    stage.integration.credential.save()
    there = ask_platform(stage.track("core"))
    with stage.counted() as counted:
        run = stage.sync()
    assert run.status == "complete"
    event = stage.row(there).timeline.get()
    assert (event.reviewer_type, event.group_github_id, event.group_slug) == ("Team", None, "")
    assert stage.row(there).waiting_for == "review"
    # GitHub refuses the first query before it runs it.
    assert counted.points <= 2
    do_work()
    assert not StalePullRequest.objects.exists()
