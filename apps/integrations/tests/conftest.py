from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pytest_django import Settings

from apps.integrations import tasks
from apps.integrations.tests import github as small
from github_simulator.testing import Running, running


@pytest.fixture
def github(settings: Settings) -> Iterator[Running]:
    """A small GitHub, and settings that lead to it."""
    with running(small.world(), callback_urls=(small.CALLBACK,)) as github:
        app = next(iter(github.simulator.world.oauth_apps.values()))
        settings.GITHUB_URL = github.url
        settings.GITHUB_CLIENT_ID = app.client_id
        settings.GITHUB_CLIENT_SECRET = app.client_secret
        yield github


@pytest.fixture
def work() -> Callable[[], None]:
    """What a worker does when it is nudged."""
    return tasks.look_for_due_work
