from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from apps.integrations import tasks
from apps.integrations.models import TrackedRepository
from apps.integrations.tests import github as small
from apps.integrations.tests import hooked
from apps.integrations.tests.stage import Place, Stage, set_up
from apps.metrics.figures.current import current
from apps.metrics.tests.test_current import assert_current
from apps.teams.models import Team
from github_simulator.testing import Running, running


@pytest.fixture
def github(settings: Settings) -> Iterator[Running]:
    """A simulated GitHub, and settings that point to it."""
    with running(small.world(), callback_urls=(small.CALLBACK,)) as github:
        app = next(iter(github.simulator.world.oauth_apps.values()))
        settings.GITHUB_URL = github.url
        settings.GITHUB_CLIENT_ID = app.client_id
        settings.GITHUB_CLIENT_SECRET = app.client_secret
        yield github


@pytest.fixture
def stage(team: Team, github: Running) -> Stage:
    """A team connected to the simulated GitHub that tracks nothing yet."""
    return set_up(team, github)


@pytest.fixture
def shop(stage: Stage) -> Place:
    """A tracked repository that is still empty."""
    return stage.track("shop")


@pytest.fixture(autouse=True)
def figures_follow(request: pytest.FixtureRequest) -> Iterator[None]:
    """Checks that every change of what figures depend on is announced: cached figures follow.

    It begins as soon as there is a team, so that whatever a test does comes later.
    """
    if "team" not in request.fixturenames or not _may_ask(request):
        yield
        return
    team: Team = request.getfixturevalue("team")
    current(team)
    yield
    if Team.objects.filter(pk=team.pk).exists():
        assert_current(team)


def _may_ask(request: pytest.FixtureRequest) -> bool:
    return request.node.get_closest_marker("django_db") is not None or any(
        name in request.fixturenames for name in ("db", "transactional_db", "live_server")
    )


@pytest.fixture
def work() -> Callable[[], None]:
    """What a worker does when it is nudged."""
    return tasks.look_for_due_work


@pytest.fixture
def reachable(github: Running, live_server: LiveServer, settings: Settings) -> LiveServer:
    """This server at an address that GitHub reaches."""
    settings.PUBLIC_URL = live_server.url
    settings.ALLOWED_HOSTS = ["*"]
    return live_server


@pytest.fixture
def tracked(
    github: Running, reachable: LiveServer, team: Team, alice_client: Client
) -> TrackedRepository:
    """Acme's website with its hook, everything synced."""
    app = next(iter(github.simulator.world.oauth_apps.values()))
    app.callback_urls = [f"{reachable.url}/integrations/github/callback/"]
    small.connect(alice_client)
    hooked.work()
    hooked.choose(alice_client, "acme", hooked.NAME)
    hooked.work()
    row: TrackedRepository = TrackedRepository.objects.get(team=team, full_name=hooked.NAME)
    return row
