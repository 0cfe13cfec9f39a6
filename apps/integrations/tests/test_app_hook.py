"""The GitHub App's hook: it follows our URL, and missed deliveries are requested again.

As the App, a second apart, three times at most.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.db.models import F
from django.test import Client
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from apps.integrations.hooks import caretaking, signers
from apps.integrations.models import (
    GitHubIntegration,
    Hook,
    Lease,
    MissedDelivery,
    ProductionWalk,
    RateBudget,
    TrackedRepository,
    WebhookDelivery,
)
from apps.integrations.sync.production import walk_of
from apps.integrations.tests import apps
from apps.integrations.tests import github as small
from apps.integrations.tests.hooked import do, work
from apps.integrations.tests.stage import NEVER
from apps.metrics.models import Production, PullRequest
from apps.teams.membership import create_team
from apps.teams.models import Team
from apps.users.models import User
from conftest import signed_in
from github_simulator.faults import Fault, Kind
from github_simulator.hooks import Delivery
from github_simulator.testing import Running

pytestmark = pytest.mark.django_db(transaction=True)
FAULTS: tuple[tuple[Kind, int], ...] = (("secondary_limit", 429), ("server_error", 502))
PAGE = "/a/acme/integrations/github/webhooks/"


@pytest.fixture
def app(github: Running, reachable: LiveServer, settings: Settings) -> None:
    apps.set_up(
        github,
        settings,
        hook_attributes={"url": f"{reachable.url}/webhooks/github/", "active": True},
        callback_urls=[f"{reachable.url}/integrations/github/callback/"],
    )


@pytest.fixture
def connected(github: Running, app: None, team: Team, alice_client: Client) -> Client:
    """Connected by the App, Acme's website tracked; nothing but hooks tells what is new."""
    track(github, alice_client)
    return alice_client


def track(github: Running, client: Client) -> None:
    apps.connect(client)
    work()
    client.post("/a/acme/integrations/github/repos/", {"repositories": ["acme/website"]})
    work()
    GitHubIntegration.objects.update(poll_due_at=NEVER, sweep_due_at=NEVER)
    assert github.simulator.deliveries.wait()


@pytest.fixture
def before_the_move(
    github: Running,
    reachable: LiveServer,
    team: Team,
    alice_client: Client,
    settings: Settings,
    tmp_path: Path,
) -> None:
    """Connected by an App created here, at an address that no longer answers."""
    settings.DATA_DIR, settings.PUBLIC_URL = tmp_path, "http://127.0.0.1:9"
    assert not caretaking.follow_address()
    alice_client.get(apps.make(alice_client))
    track(github, alice_client)
    github.simulator.log.clear()


def writes(github: Running) -> list[str]:
    """Changes and redelivery requests of the App's hook, in order."""
    asked = [each for each in github.simulator.log.requests if each.method != "GET"]
    hook = "/api/v3/app/hook/"
    paths = [each.path.removeprefix(hook) for each in asked if each.path.startswith(hook)]
    return [path.split("/")[0] for path in paths]


def an_hour_passes(github: Running) -> None:
    """The App's list is read again, and a worker continues until nothing is due."""
    Hook.objects.update(redelivery_due_at=F("redelivery_due_at") - timedelta(hours=1))
    Lease.objects.update(not_before=None)
    RateBudget.objects.update(blocked_until=None)
    work()
    assert github.simulator.deliveries.wait()
    work()


def redelivered(github: Running) -> list[Delivery]:
    return [each for each in github.simulator.deliveries.attempted if each.redelivery]


def cut_off(github: Running, here: str = "http://127.0.0.1:9/") -> str:
    """Points the App's hook to an unused address; returns the former one."""
    (app,) = github.simulator.world.apps.values()
    assert app.hook
    before, app.hook.url = app.hook.url, here
    return before


def test_it_works(
    github: Running, connected: Client, settings: Settings, reachable: LiveServer
) -> None:
    """The receiver cannot store deliveries and says 503, then does not answer, then works again."""
    keys = settings.TOKEN_ENCRYPTION_KEYS
    signers.forget(Hook.objects.get().pk)
    settings.TOKEN_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    numbers = [do(github, "open", title=f"Refused {n}")["number"] for n in range(2)]
    settings.TOKEN_ENCRYPTION_KEYS = keys
    here = cut_off(github)
    numbers.append(do(github, "open", title="Not even refused")["number"])
    cut_off(github, here)
    missed = list(github.simulator.deliveries.attempted)[-3:]
    assert [each.status_code for each in missed] == [503, 503, 0]
    assert not WebhookDelivery.objects.filter(event="pull_request").exists()
    an_hour_passes(github)
    assert set(PullRequest.objects.values_list("number", flat=True)) == set(numbers)
    assert {each.guid for each in missed} <= set(
        WebhookDelivery.objects.filter(state="handled").values_list("guid", flat=True)
    )
    at = sorted(each.delivered_at for each in redelivered(github))
    assert len(at) == 3
    # A second between two writes; the simulator's times are whole seconds.
    assert len(set(at)) == 3
    an_hour_passes(github)
    assert not MissedDelivery.objects.exists()
    assert len(redelivered(github)) == 3


def test_what_fails_again_and_again_is_left_to_the_poll(github: Running, connected: Client) -> None:
    cut_off(github)
    do(github, "open")
    for _ in range(5):
        MissedDelivery.objects.filter(due_at__isnull=False).update(due_at=datetime.now(UTC))
        an_hour_passes(github)
    assert len(redelivered(github)) == 3
    assert "1 did not reach us" in connected.get(PAGE).content.decode()


def test_another_team_does_not_see_missed_deliveries(
    github: Running, connected: Client, reachable: LiveServer, charlie: User
) -> None:
    """Charlie's team has Linus's account by the same App."""
    world = github.simulator.world
    small.add_repository(world, world.accounts[small.LINUS], "compiler", 60_000_010)
    client = signed_in(charlie)
    create_team("Other", charlie)
    url = apps.begin(client, team="other")
    client.get(small.path_of(apps.install(url, "linus", "linus")))
    work()
    client.post("/a/other/integrations/github/repos/", {"repositories": ["linus/compiler"]})
    work()
    cut_off(github)
    do(github, "open")
    do(github, "open")
    do(github, "open", repository="linus/compiler", actor="linus")
    an_hour_passes(github)
    assert "2 did not reach us" in connected.get(PAGE).content.decode()
    assert "1 did not reach us" in client.get(PAGE.replace("acme", "other")).content.decode()
    assert client.get(PAGE).status_code == 404


def test_an_app_that_nobody_is_connected_by_asks_nothing(
    github: Running, connected: Client
) -> None:
    connected.delete("/a/acme/integrations/github/disconnect/")
    work()
    github.simulator.log.clear()
    an_hour_passes(github)
    assert not github.simulator.log.requests


def test_a_github_that_is_down_is_asked_again_soon(github: Running, connected: Client) -> None:
    here = cut_off(github)
    number = do(github, "open")["number"]
    cut_off(github, here)
    for kind, status in FAULTS:
        github.simulator.faults.add(Fault(kind, path="/api/v3/app/hook", status=status))
        an_hour_passes(github)
        github.simulator.faults.clear()
        assert not PullRequest.objects.exists()
        due_at = Hook.objects.get().redelivery_due_at
        assert due_at
        assert due_at < datetime.now(UTC) + timedelta(minutes=5)
    an_hour_passes(github)
    assert PullRequest.objects.get().number == number


def test_after_a_move_deliveries_arrive_again(
    github: Running, before_the_move: None, settings: Settings, reachable: LiveServer
) -> None:
    """What came in between is requested once the hook points here, not before."""
    between = do(github, "open")["number"]
    assert MissedDelivery.objects.update(due_at=datetime.now(UTC))  # since it was installed
    assert writes(github) == []
    settings.PUBLIC_URL = reachable.url
    assert caretaking.follow_address()
    work()
    after = do(github, "open")["number"]
    work()
    assert PullRequest.objects.filter(number=after).exists()
    assert writes(github)[0] == "config"
    # It is updated once: the next check finds it correct.
    an_hour_passes(github)
    assert PullRequest.objects.filter(number=between).exists()
    assert writes(github).count("config") == 1


def test_an_unnoticed_move_is_found_within_the_hour(
    github: Running, before_the_move: None, settings: Settings, reachable: LiveServer
) -> None:
    settings.PUBLIC_URL = reachable.url
    an_hour_passes(github)
    number = do(github, "open")["number"]
    work()
    assert PullRequest.objects.get().number == number


@pytest.mark.parametrize(("kind", "status"), FAULTS)
def test_a_github_that_is_down_gets_the_new_url_later(
    github: Running,
    before_the_move: None,
    settings: Settings,
    reachable: LiveServer,
    kind: Kind,
    status: int,
) -> None:
    settings.PUBLIC_URL = reachable.url
    assert caretaking.follow_address()
    path = "/api/v3/app/hook/config"
    github.simulator.faults.add(Fault(kind, path=path, contains="json", status=status))
    work()
    github.simulator.faults.clear()
    assert writes(github) == ["config"]
    due_at = Hook.objects.get().redelivery_due_at
    assert due_at
    assert due_at < datetime.now(UTC) + timedelta(minutes=5)
    an_hour_passes(github)
    number = do(github, "open")["number"]
    work()
    assert PullRequest.objects.get().number == number


def test_the_address_of_an_app_of_the_settings_is_its_owners(
    github: Running, connected: Client, settings: Settings, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    assert not caretaking.follow_address()
    (app,) = github.simulator.world.apps.values()
    assert app.hook
    before = app.hook.url
    settings.PUBLIC_URL = "http://127.0.0.1:9"
    assert caretaking.follow_address()
    an_hour_passes(github)
    assert app.hook.url == before


def test_permissions_that_are_accepted_later(github: Running, connected: Client) -> None:
    """What was not granted is requested again at once, with a token that has the permission."""
    tracked = TrackedRepository.objects.select_related("integration__credential").get()
    walk_of(tracked)
    refused = Production.objects.get(repository=tracked.repository)
    Production.objects.filter(pk=refused.pk).update(not_granted=["actions", "deployments"])
    ProductionWalk.objects.update(due_at=None)
    token = tracked.integration.credential.access_token
    number = tracked.integration.credential.installation_id
    github.act("accept_permissions", installation=number, permissions={"deployments": "read"})
    assert github.simulator.deliveries.wait()
    work()
    refused.refresh_from_db()
    assert refused.not_granted == []
    assert refused.fetched_at is not None
    tracked.integration.credential.refresh_from_db()
    assert tracked.integration.credential.access_token != token
