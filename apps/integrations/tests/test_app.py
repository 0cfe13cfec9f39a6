"""Connecting by a GitHub App: there and back, the installation's owner, and its tokens."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apps.audit.models import AuditEvent
from apps.integrations.models import (
    AvailableRepository,
    GitHubIntegration,
    IntegrationCredential,
    RateBudget,
    TrackedRepository,
)
from apps.integrations.tests import apps
from apps.integrations.tests import github as small
from apps.integrations.tests.stage import let_time_pass
from apps.metrics.models import PullRequest, TeamMember
from apps.teams.membership import create_team
from apps.teams.models import Team
from apps.users.models import User
from conftest import signed_in
from github_simulator.faults import Fault
from github_simulator.testing import Running

pytestmark = pytest.mark.django_db
Work = Callable[[], None]
REPOS = "/a/acme/integrations/github/repos/"


@pytest.fixture
def work(work: Work) -> Work:
    """Two ticks: a hook may cause people and repositories to be fetched again."""

    def twice() -> None:
        work()
        work()

    return twice


@pytest.fixture
def app(github: Running, settings: Settings) -> dict[str, Any]:
    return apps.set_up(github, settings)


def test_it_works(
    github: Running, app: dict[str, Any], team: Team, alice_client: Client, work: Work
) -> None:
    for number in (1, 2):
        github.act("open", repository="acme/api-service", actor="ada", title=f"Work {number}")
    apps.connect(alice_client)
    work()
    assert AvailableRepository.objects.count() == 5
    assert set(TeamMember.objects.values_list("github_username", flat=True)) == {"ada", "grace"}
    assert not GitHubIntegration.objects.get().discovery_error
    alice_client.post(REPOS, {"repositories": ["acme/api-service"]})
    work()
    assert PullRequest.objects.count() == 2
    credential = IntegrationCredential.objects.get()
    assert (credential.kind, credential.account_login) == ("app", "acme")
    assert credential.access_token.startswith("ghs_")
    budgets = set(RateBudget.objects.values_list("account", flat=True))
    # GitHub counts two: the App itself, and its installation.
    [own, installation] = sorted(budgets)
    assert own.startswith("app:")
    assert installation == f"installation:{credential.installation_id}"
    # The App has a hook of its own, and may create none.
    assert not any(key.endswith("/hooks") for key in github.simulator.log.counts)
    page = small.messages_of(alice_client)
    assert "by the GitHub App" in page
    # The person who connected it identified themselves, and that token is gone.
    assert not [t for t in github.simulator.world.tokens.values() if _is_users(t.value, t.revoked)]


def _is_users(value: str, revoked: bool) -> bool:
    return value.startswith("ghu_") and not revoked


def test_a_token_is_made_anew_before_it_runs_out(
    github: Running, app: dict[str, Any], team: Team, alice_client: Client, work: Work
) -> None:
    apps.connect(alice_client)
    work()
    first = IntegrationCredential.objects.get()
    assert first.token_expires_at
    assert first.token_expires_at > timezone.now() + timedelta(minutes=50)
    alice_client.post("/a/acme/integrations/github/refresh/")
    work()
    assert IntegrationCredential.objects.get().access_token == first.access_token
    IntegrationCredential.objects.update(token_expires_at=timezone.now() + timedelta(minutes=5))
    alice_client.post("/a/acme/integrations/github/refresh/")
    work()
    assert IntegrationCredential.objects.get().access_token != first.access_token


def test_a_token_that_github_forgot_is_made_anew(
    github: Running, app: dict[str, Any], team: Team, alice_client: Client, work: Work
) -> None:
    apps.connect(alice_client)
    work()
    for token in github.simulator.world.tokens.values():
        token.revoked = True
    alice_client.post("/a/acme/integrations/github/refresh/")
    work()
    assert not IntegrationCredential.objects.get().rejected_at
    assert not GitHubIntegration.objects.get().discovery_error


def test_a_new_token_that_github_does_not_know_everywhere_yet(
    github: Running, app: dict[str, Any], team: Team, alice_client: Client, work: Work
) -> None:
    apps.connect(alice_client)
    lag = github.simulator.faults.add(Fault("unauthorized", path="/api/graphql", times=6))
    # Pauses grow by chance, to more than one of these steps.
    for _ in range(15):
        let_time_pass(seconds=20)
        GitHubIntegration.objects.update(members_due_at=timezone.now())
        work()
    assert lag.struck == 6
    assert not IntegrationCredential.objects.get().rejected_at
    assert TeamMember.objects.exists()


def test_only_the_chosen_repositories(
    github: Running, app: dict[str, Any], team: Team, alice_client: Client, work: Work
) -> None:
    apps.connect(alice_client, selection="selected", repositories="acme/website\nacme/attic")
    work()
    names = AvailableRepository.objects.values_list("full_name", flat=True)
    assert set(names) == {"acme/website", "acme/attic"}


def test_an_installation_that_was_there_already(
    github: Running, app: dict[str, Any], team: Team, alice_client: Client, work: Work
) -> None:
    github.act("install_app", owner="acme", app="reader")
    url = apps.begin(alice_client, "installed")
    assert "scope=&" in url
    came_back = alice_client.get(small.path_of(small.consent(url, scope="")))
    assert came_back.headers["location"] == "/a/acme/integrations/github/organization/"
    assert "acme" in small.messages_of(alice_client, came_back.headers["location"])
    alice_client.post(came_back.headers["location"], {"organization": "acme"})
    work()
    assert AvailableRepository.objects.count() == 5


def test_an_installation_id_in_the_url_proves_nothing(
    github: Running, app: dict[str, Any], team: Team, alice_client: Client
) -> None:
    """Linus installs the App on his own account, and names Acme's installation on the way back."""
    theirs = github.act("install_app", owner="acme", app="reader")["installation"]
    came_back = small.path_of(apps.install(apps.begin(alice_client), "linus", "linus"))
    forged = re.sub(r"installation_id=\d+", f"installation_id={theirs}", came_back)
    alice_client.get(forged)
    assert not GitHubIntegration.objects.exists()
    assert "GitHub shows no organisation" in small.messages_of(alice_client)
    alice_client.post("/a/acme/integrations/github/organization/", {"organization": "acme"})
    assert not GitHubIntegration.objects.exists()


def test_members_who_own_nothing_may_not(
    github: Running, app: dict[str, Any], team: Team, alice_client: Client
) -> None:
    """The App reads more than each member may."""
    github.act("install_app", owner="acme", app="reader")
    alice_client.get(
        small.path_of(small.consent(apps.begin(alice_client, "installed"), "grace", scope=""))
    )
    alice_client.post("/a/acme/integrations/github/organization/", {"organization": "acme"})
    assert not GitHubIntegration.objects.exists()
    page = small.messages_of(alice_client, "/a/acme/integrations/github/organization/")
    assert "Only an owner of acme" in page
    assert AuditEvent.objects.filter(action="github.connect.failed").exists()


def test_a_request_to_an_owner(
    github: Running, app: dict[str, Any], team: Team, alice_client: Client
) -> None:
    alice_client.get(small.path_of(apps.install(apps.begin(alice_client), "grace")))
    assert "asked an owner of the organisation" in small.messages_of(alice_client)
    assert not IntegrationCredential.objects.exists()


def test_an_answer_counts_once_and_in_its_own_browser(
    github: Running, app: dict[str, Any], team: Team, alice_client: Client, bob: User
) -> None:
    came_back = small.path_of(apps.install(apps.begin(alice_client)))
    assert signed_in(bob).get(came_back).status_code == 403
    alice_client.get(came_back)
    alice_client.get(came_back)
    assert "was used before" in small.messages_of(alice_client)
    other = small.path_of(apps.install(apps.begin(alice_client)))
    alice_client.cookies.pop("tformance_session")
    assert "/accounts/login/" in alice_client.get(other).headers["location"]


def test_an_app_that_asks_no_users_when_it_is_installed(
    github: Running, settings: Settings, team: Team, alice_client: Client
) -> None:
    """Registered with a setup URL instead: then the person is asked next."""
    changes = {"request_oauth_on_install": False, "setup_url": small.CALLBACK}
    apps.set_up(github, settings, **changes)
    came_back = alice_client.get(small.path_of(apps.install(apps.begin(alice_client))))
    url = came_back.headers["location"]
    assert url.startswith(f"{github.url}/login/oauth/authorize")
    alice_client.get(small.path_of(small.consent(url, scope="")))
    alice_client.post("/a/acme/integrations/github/organization/", {"organization": "acme"})
    assert GitHubIntegration.objects.get().organization_slug == "acme"


def test_without_a_client_secret_only_staff_may(
    github: Running, settings: Settings, team: Team, alice: User, alice_client: Client
) -> None:
    changes = {"request_oauth_on_install": False, "setup_url": small.CALLBACK}
    apps.set_up(github, settings, **changes)
    settings.GITHUB_APP_CLIENT_SECRET = ""
    alice_client.get(small.path_of(apps.install(apps.begin(alice_client))))
    assert "GITHUB_APP_CLIENT_SECRET" in small.messages_of(alice_client)
    assert not GitHubIntegration.objects.exists()
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    apps.connect(alice_client)
    assert GitHubIntegration.objects.get().organization_slug == "acme"


def test_a_key_of_another_app(
    github: Running, app: dict[str, Any], settings: Settings, team: Team, alice_client: Client
) -> None:
    other = github.act("register_app", owner="acme", name="Other")
    settings.GITHUB_APP_PRIVATE_KEY = other["pem"]
    alice_client.post("/a/acme/integrations/github/connect/", {"method": "app"})
    assert "does not accept the token that the GitHub App signed" in small.messages_of(alice_client)


def test_disconnecting_ends_the_token(
    github: Running, app: dict[str, Any], team: Team, alice_client: Client, work: Work
) -> None:
    apps.connect(alice_client)
    work()
    alice_client.delete("/a/acme/integrations/github/disconnect/")
    work()
    credential = IntegrationCredential.objects.get()
    assert (credential.access_token, credential.installation_id) == ("", None)
    alive = [t for t in github.simulator.world.tokens.values() if t.value.startswith("ghs_")]
    assert all(token.revoked for token in alive)


@pytest.fixture
def tracking(
    github: Running, app: dict[str, Any], team: Team, alice_client: Client, work: Work
) -> IntegrationCredential:
    """Connected by the App, with a repository that is synced."""
    github.act("open", repository="acme/website", actor="ada", title="First")
    apps.connect(alice_client)
    work()
    alice_client.post(REPOS, {"repositories": ["acme/website"]})
    work()
    assert PullRequest.objects.count() == 1
    return IntegrationCredential.objects.get()


def _seen(github: Running) -> int:
    assert github.simulator.deliveries.wait()
    return len(github.simulator.deliveries.attempted)


def test_the_apps_hook_brings_news(
    github: Running,
    tracking: IntegrationCredential,
    alice_client: Client,
    client: Client,
    work: Work,
) -> None:
    before = _seen(github)
    github.act("open", repository="acme/website", actor="grace", title="Second")
    github.act("open", repository="acme/attic", actor="grace", title="Not tracked")
    github.act("add_member", organization="acme", login="linus")
    github.act("add_team_member", organization="acme", team="platform", login="linus")
    assert apps.deliver(github, client, before) == [202, 202, 202, 202]
    work()
    assert set(PullRequest.objects.values_list("title", flat=True)) == {"First", "Second"}
    assert TeamMember.objects.get(github_username="linus").groups.get().name == "Platform"
    assert TrackedRepository.objects.get().hook is None
    hooks = "/a/acme/integrations/github/webhooks/"
    page = small.messages_of(alice_client, hooks)
    assert "The GitHub App's" in page.replace("&#x27;", "'")
    assert "#2" in page


def test_another_team_sees_none_of_its_deliveries(
    github: Running,
    tracking: IntegrationCredential,
    client: Client,
    work: Work,
    neighbour: Client,
) -> None:
    """Charlie's team connects Linus's account by the same App: its hook reports both."""
    before = _seen(github)
    github.act("open", repository="acme/website", actor="grace", title="Second")
    github.act("add_member", organization="acme", login="linus")
    apps.deliver(github, client, before)
    work()
    page = neighbour.get("/a/other/integrations/github/webhooks/").content.decode()
    assert "pull_request" not in page
    assert "organization" not in page.partition('id="deliveries"')[2]


@pytest.fixture
def neighbour(github: Running, app: dict[str, Any], charlie: User) -> Client:
    client = signed_in(charlie)
    create_team("Other", charlie)
    came_back = small.path_of(apps.install(apps.begin(client, team="other"), "linus", "linus"))
    client.get(came_back)
    assert GitHubIntegration.objects.get(team__slug="other").organization_slug == "linus"
    return client


@pytest.mark.parametrize("change", ["target", "signature", "type"])
def test_forged_deliveries_are_refused(
    github: Running, tracking: IntegrationCredential, client: Client, change: str
) -> None:
    before = _seen(github)
    github.act("open", repository="acme/website", actor="grace", title="Second")
    assert github.simulator.deliveries.wait()
    [delivery] = list(github.simulator.deliveries.attempted)[before:]
    forged = {
        "target": {"X-GitHub-Hook-Installation-Target-ID": "7"},
        "signature": {"X-Hub-Signature-256": "sha256=" + "0" * 64},
        "type": {"X-GitHub-Hook-Installation-Target-Type": "repository"},
    }[change]
    delivery.request_headers.update(forged)
    assert apps.deliver(github, client, before) == [401]


def test_suspended_then_not(
    github: Running,
    tracking: IntegrationCredential,
    alice_client: Client,
    client: Client,
    work: Work,
) -> None:
    before = _seen(github)
    github.act("suspend_installation", installation=tracking.installation_id)
    apps.deliver(github, client, before)
    work()
    page = small.messages_of(alice_client)
    assert "The GitHub App is suspended on acme" in page
    assert page.count('class="banner bad"') == 1
    github.simulator.log.clear()
    let_time_pass(hours=2)
    work()
    assert not github.simulator.log.requests  # work stops
    github.act("open", repository="acme/website", actor="grace", title="Meanwhile")
    before = _seen(github)
    github.act("unsuspend_installation", installation=tracking.installation_id)
    apps.deliver(github, client, before)
    work()
    assert "is suspended" not in small.messages_of(alice_client)
    assert PullRequest.objects.filter(title="Meanwhile").exists()


def test_a_suspension_without_a_webhook(
    github: Running, tracking: IntegrationCredential, alice_client: Client, work: Work
) -> None:
    github.act("suspend_installation", installation=tracking.installation_id)
    alice_client.post("/a/acme/integrations/github/refresh/")
    work()
    assert "The GitHub App is suspended on acme" in small.messages_of(alice_client)
    github.act("unsuspend_installation", installation=tracking.installation_id)
    IntegrationCredential.objects.update(rejected_at=timezone.now() - timedelta(hours=2))
    work()
    assert "is suspended" not in small.messages_of(alice_client)


def test_removed_and_installed_again(
    github: Running,
    tracking: IntegrationCredential,
    alice_client: Client,
    client: Client,
    work: Work,
) -> None:
    before = _seen(github)
    github.act("uninstall_app", installation=tracking.installation_id)
    apps.deliver(github, client, before)
    work()
    assert "The GitHub App was removed from acme" in small.messages_of(alice_client)
    github.act("open", repository="acme/website", actor="grace", title="Meanwhile")
    apps.connect(alice_client)
    work()
    assert PullRequest.objects.count() == 2
    assert IntegrationCredential.objects.get().installation_id != tracking.installation_id


def test_repositories_come_and_go(
    github: Running, tracking: IntegrationCredential, client: Client, work: Work
) -> None:
    before = _seen(github)
    only = ["acme/website"]
    github.act("choose_repositories", installation=tracking.installation_id, repositories=only)
    apps.deliver(github, client, before)
    work()
    assert [row.full_name for row in AvailableRepository.objects.all()] == only
    before = _seen(github)
    github.act("choose_repositories", installation=tracking.installation_id)
    apps.deliver(github, client, before)
    work()
    assert AvailableRepository.objects.count() == 5


def test_a_user_revokes_their_authorisation(
    github: Running,
    app: dict[str, Any],
    team: Team,
    alice_client: Client,
    client: Client,
    work: Work,
) -> None:
    """A pending connection ends with it."""
    github.act("install_app", owner="acme", app="reader")
    url = apps.begin(alice_client, "installed")
    alice_client.get(small.path_of(small.consent(url, scope="")))
    assert IntegrationCredential.objects.exists()
    before = _seen(github)
    github.act("revoke_app_authorization", app="reader", login="ada")
    apps.deliver(github, client, before)
    work()
    assert not IntegrationCredential.objects.exists()


def test_only_admins_see_the_app(
    github: Running, app: dict[str, Any], team: Team, bob_client: Client, charlie_client: Client
) -> None:
    for method in ("app", "installed"):
        form = {"method": method}
        address = "/a/acme/integrations/github/connect/"
        assert bob_client.post(address, form).status_code == 403
        assert charlie_client.post(address, form).status_code == 404
    assert "Install the GitHub App" not in small.messages_of(bob_client)
