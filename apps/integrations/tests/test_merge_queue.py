"""Merge queue, auto-merge and a changed base: shown if GitHub supports them, else missing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from apps.integrations.models import GitHubServer
from apps.integrations.tests.github import GRACE, connect
from apps.integrations.tests.stage import Place, ago
from apps.metrics.models import PullRequest, TimelineEvent
from apps.teams.models import Team
from github_simulator import actions, queueing
from github_simulator.testing import Running
from github_simulator.world import PullRequest as There

pytestmark = pytest.mark.django_db
Work = Callable[[], None]
REPOS = "/a/acme/integrations/github/repos/"


@pytest.fixture
def queued(github: Running, team: Team) -> There:
    """Approved four hours ago; twice in the queue since, half an hour each."""
    world = github.simulator.world
    website = next(each for each in world.repositories.values() if each.name == "website")
    place = Place(github, website)
    pull_request = place.open(ago(hours=6))
    queueing.change_base(place.deed(ago(hours=5)), pull_request, "release")
    actions.submit_review(place.deed(ago(hours=4), GRACE), pull_request, "APPROVED")
    queueing.enable_auto_merge(place.deed(ago(hours=3.5)), pull_request, "squash")
    queueing.enqueue(place.deed(ago(hours=3)), pull_request)
    queueing.dequeue(place.deed(ago(hours=2.5)), pull_request, "failed_checks")
    queueing.enqueue(place.deed(ago(hours=1)), pull_request)
    actions.merge(place.deed(ago(hours=0.5)), pull_request)
    return pull_request


def follow(client: Client, work: Work) -> str:
    """Connects, tracks the repository, and returns the pull request's page."""
    connect(client)
    work()
    client.post(REPOS, {"repositories": ["acme/website"]})
    work()
    row = PullRequest.objects.get()
    return client.get(f"/a/acme/pull-requests/acme/website/{row.number}/").content.decode()


def test_it_works(queued: There, alice_client: Client, work: Work) -> None:
    page = follow(alice_client, work)
    assert "From the last approval to the merge; 1\xa0h of it in the merge queue." in page
    for said in (
        "enabled auto-merge",
        "added it to the merge queue",
        "removed it from the merge queue",
        "failed_checks",
        "changed the base branch",
        "main → release",
    ):
        assert said in page


def test_an_older_server(github: Running, queued: There, alice_client: Client, work: Work) -> None:
    kinds = ("ADDED_TO_MERGE_QUEUE_EVENT", "REMOVED_FROM_MERGE_QUEUE_EVENT")
    github.simulator.lacks = frozenset(
        (
            "AddedToMergeQueueEvent",
            "RemovedFromMergeQueueEvent",
            "RequestedReviewer.Bot",  # A bot could not be asked for a review.
            *(f"PullRequestTimelineItemsItemType.{kind}" for kind in kinds),
        )
    )
    page = follow(alice_client, work)
    assert "From the last approval to the merge." in page
    assert "enabled auto-merge" in page
    assert "merge queue" not in page


def test_a_server_with_unknown_schema(
    github: Running, queued: There, alice_client: Client, work: Work
) -> None:
    follow(alice_client, work)
    GitHubServer.objects.all().delete()
    TimelineEvent.objects.all().delete()
    alice_client.post("/a/acme/integrations/github/sync/")
    work()
    # What every GitHub supports is requested, and nothing is refused.
    assert "merged" in set(TimelineEvent.objects.values_list("kind", flat=True))
