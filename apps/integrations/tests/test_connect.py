"""Connecting GitHub: there and back, and everything that can go wrong on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apps.audit.models import AuditEvent
from apps.integrations.models import GitHubIntegration, IntegrationCredential
from apps.integrations.tests.github import (
    ACME,
    ADA,
    CALLBACK,
    GRACE,
    begin,
    connect,
    consent,
    messages_of,
    path_of,
    token_count,
)
from apps.teams.models import Membership, Team
from apps.users.models import Session, User
from github_simulator.faults import Fault
from github_simulator.testing import Running

pytestmark = pytest.mark.django_db
CONNECT = "/a/acme/integrations/github/connect/"
CHOOSE = "/a/acme/integrations/github/organization/"


def app_of(github: Running):  # type: ignore[no-untyped-def]
    return next(iter(github.simulator.world.oauth_apps.values()))


def nothing_is_stored() -> bool:
    return not IntegrationCredential.objects.exists() and not GitHubIntegration.objects.exists()


def test_it_works(github: Running, team: Team, alice_client: Client) -> None:
    back = consent(begin(alice_client))
    assert back.startswith(CALLBACK)
    assert alice_client.get(path_of(back)).headers["location"] == CHOOSE
    page = alice_client.get(CHOOSE).content.decode()
    assert page.index("acme") < page.index("Your personal account")
    assert "closed" not in page
    assert alice_client.post(CHOOSE, {"organization": str(ACME)}).status_code == 302
    integration = GitHubIntegration.objects.get()
    assert (integration.organization_slug, integration.organization_id) == ("acme", ACME)
    assert integration.credential.account_login == "ada"
    assert integration.credential.access_token.startswith("gho_")
    assert "acme is connected" in messages_of(alice_client, "/a/acme/integrations/github/repos/")
    audited = AuditEvent.objects.filter(team=team, action__startswith="github.").order_by("id")
    assert [event.action for event in audited] == [
        "github.connect.begun",
        "github.connect.completed",
    ]


def test_authorize_url_as_github_documents_it(
    github: Running, team: Team, alice_client: Client
) -> None:
    reply = alice_client.post(CONNECT, headers={"accept": "application/json"})
    url = urlsplit(reply.json()["authorize_url"])
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert url._replace(query="").geturl() == f"{github.url}/login/oauth/authorize"
    assert set(query["scope"].split()) == {"read:org", "repo", "read:user"}
    assert query["redirect_uri"] == CALLBACK
    assert query["code_challenge_method"] == "S256"
    assert len(query["code_challenge"]) == 43
    assert query["state"]


def test_token_in_no_session_and_encrypted(
    github: Running, team: Team, alice_client: Client
) -> None:
    alice_client.get(path_of(consent(begin(alice_client))))
    token = IntegrationCredential.objects.get().access_token
    assert token.startswith("gho_")
    for session in Session.objects.all():
        assert token not in json.dumps(session.get_decoded())
    with connection.cursor() as cursor:
        cursor.execute("select access_token from integrations_integrationcredential")
        assert token not in cursor.fetchone()[0]
    assert not GitHubIntegration.objects.exists()
    shown = alice_client.get("/a/acme/integrations/", headers={"accept": "application/json"})
    assert shown.json() == {"github": {"connected": False, "organizations": []}}


def test_who_may(
    github: Running, team: Team, bob_client: Client, charlie_client: Client, client: Client
) -> None:
    for path in (CONNECT, "/a/acme/integrations/github/token/"):
        assert bob_client.post(path).status_code == 403
        assert charlie_client.post(path).status_code == 404
        assert client.post(path).headers["location"].startswith("/accounts/login/")
    for path in (CHOOSE, "/a/acme/integrations/github/disconnect/"):
        assert bob_client.get(path).status_code == 403
        assert charlie_client.get(path).status_code == 404
    assert bob_client.get("/a/acme/integrations/").status_code == 200
    assert "Connect GitHub</button>" not in messages_of(bob_client)
    assert charlie_client.get("/a/acme/integrations/").status_code == 404


def test_denied(github: Running, team: Team, alice_client: Client) -> None:
    reply = alice_client.get(path_of(consent(begin(alice_client), decision="cancel")))
    assert reply.headers["location"] == "/a/acme/integrations/"
    assert "access was declined on GitHub. Connect again" in messages_of(alice_client)
    assert nothing_is_stored()
    assert AuditEvent.objects.get(action="github.connect.failed").details == {
        "problem": "access_denied"
    }


def test_expired(
    github: Running, team: Team, alice_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = consent(begin(alice_client))
    later = timezone.now() + timedelta(minutes=11)
    monkeypatch.setattr("django.core.signing.time.time", later.timestamp)
    alice_client.get(path_of(back))
    assert "more than ten minutes passed" in messages_of(alice_client)
    assert nothing_is_stored()


def test_replayed(github: Running, team: Team, alice_client: Client) -> None:
    back = path_of(consent(begin(alice_client)))
    alice_client.get(back)
    alice_client.post(CHOOSE, {"organization": "acme"})
    alice_client.get(back)
    assert "was used before, so it was ignored" in messages_of(alice_client)
    assert GitHubIntegration.objects.count() == 1


def test_a_browser_of_another_user(
    github: Running, team: Team, alice: User, alice_client: Client, bob: User, bob_client: Client
) -> None:
    Membership.objects.filter(user=bob).update(role="admin")
    back = path_of(consent(begin(alice_client)))
    bob_client.get(back)
    assert "another person began the connection" in messages_of(bob_client)
    other = Client()
    other.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    other.get(back)
    assert "does not belong to a connection begun in this browser" in messages_of(other)
    assert nothing_is_stored()


def test_outsiders_and_members_at_the_callback(
    github: Running, team: Team, alice_client: Client, bob_client: Client, charlie_client: Client
) -> None:
    back = path_of(consent(begin(alice_client)))
    assert bob_client.get(back).status_code == 403
    assert charlie_client.get(back).status_code == 404
    assert nothing_is_stored()


def test_forged_state(github: Running, team: Team, alice_client: Client) -> None:
    for path in ("/integrations/github/callback/", "/a/acme/integrations/github/callback/"):
        for state in ("", "forged", "WzEsMSwieCJd:1abc:forged"):
            assert alice_client.get(path, {"code": "x", "state": state}).status_code == 302
    assert nothing_is_stored()


def test_state_of_another_team(
    github: Running, team: Team, alice: User, alice_client: Client
) -> None:
    other = Team.objects.create(name="Other", slug="other")
    Membership.objects.create(team=other, user=alice, role="admin")
    query = urlsplit(consent(begin(alice_client))).query
    alice_client.get(f"/a/other/integrations/github/callback/?{query}")
    assert nothing_is_stored()
    assert alice_client.get(f"/a/acme/integrations/github/callback/?{query}").status_code == 302
    assert IntegrationCredential.objects.get().team == team


@pytest.mark.parametrize(
    ("refused", "lacking"),
    [(("repo",), "repo"), (("read:org", "read:user"), "read:org and read:user")],
)
def test_fewer_scopes(
    github: Running, team: Team, alice_client: Client, refused: tuple[str, ...], lacking: str
) -> None:
    alice_client.get(path_of(consent(begin(alice_client), without=refused)))
    assert f"it did not grant {lacking}. Connect again" in messages_of(alice_client)
    assert nothing_is_stored()
    assert token_count(github) == 0


def test_suspended_app(github: Running, team: Team, alice_client: Client) -> None:
    app_of(github).suspended = True
    alice_client.get(path_of(consent(begin(alice_client))))
    assert "GitHub has suspended this installation" in messages_of(alice_client)


def test_wrong_client_secret(
    github: Running, team: Team, alice_client: Client, settings: Settings
) -> None:
    settings.GITHUB_CLIENT_SECRET = "wrong"
    alice_client.get(path_of(consent(begin(alice_client))))
    assert "does not accept this installation&#x27;s client secret" in messages_of(alice_client)


def test_expired_code(github: Running, team: Team, alice_client: Client) -> None:
    back = consent(begin(alice_client))
    github.simulator.clock.advance(601)
    alice_client.get(path_of(back))
    assert "did not accept the code that it sent" in messages_of(alice_client)
    assert nothing_is_stored()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("redirect_uri_mismatch", "http://localhost:8000/integrations/github/callback/ to the OA"),
        ("unverified_user_email", "has no verified e-mail address. Verify the address on GitHub"),
        ("application_suspended", "GitHub has suspended this installation"),
        ("something_new", "in a way that tformance does not understand"),
    ],
)
def test_errors_on_the_redirect(
    github: Running, team: Team, alice_client: Client, error: str, said: str
) -> None:
    state = parse_qs(urlsplit(begin(alice_client)).query)["state"][0]
    alice_client.get("/integrations/github/callback/", {"error": error, "state": state})
    assert said in messages_of(alice_client)
    assert nothing_is_stored()


def test_github_is_down(
    github: Running, team: Team, alice_client: Client, settings: Settings
) -> None:
    back = consent(begin(alice_client))
    settings.GITHUB_URL = "http://127.0.0.1:1"
    alice_client.get(path_of(back))
    assert "GitHub could not be reached" in messages_of(alice_client)
    assert nothing_is_stored()


UNREADABLE_GRANTS: tuple[Any, ...] = (
    {"access_token": ""},
    {"access_token": "x", "expires_in": 10**18},
    [],
)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("server_error", path="/api/v3/user", status=502), "GitHub answered 502. Nothing"),
        (Fault("cut", path="/api/v3/user"), "Nothing was changed; try again in a few minutes"),
        (Fault("half_body", path="/api/v3/user"), "Nothing was changed; try again"),
        (
            Fault("primary_limit", path="/api/v3/user", seconds=60),
            "limit is reached. Try again aft",
        ),
        (Fault("server_error", path="/login/oauth/access_token"), "GitHub could not be reached"),
        (Fault("half_body", path="/login/oauth/access_token"), "GitHub could not be reached"),
        *(
            (Fault("reply", path="/login/oauth/access_token", body=body), "does not understand")
            for body in UNREADABLE_GRANTS
        ),
    ],
)
def test_github_fails_on_the_way(
    github: Running, team: Team, alice_client: Client, fault: Fault, said: str
) -> None:
    back = consent(begin(alice_client))
    github.simulator.faults.add(replace(fault))
    alice_client.get(path_of(back))
    github.simulator.faults.clear()
    assert said in messages_of(alice_client)
    assert nothing_is_stored()


def test_choosing_twice_connects_once(github: Running, team: Team, alice_client: Client) -> None:
    connect(alice_client)
    alice_client.post(CHOOSE, {"organization": "acme"})
    assert "it was finished already" in messages_of(alice_client)
    assert GitHubIntegration.objects.count() == 1


def test_restricted_organization(github: Running, team: Team, alice_client: Client) -> None:
    alice_client.get(path_of(consent(begin(alice_client))))
    alice_client.post(CHOOSE, {"other": "closed"})
    page = messages_of(alice_client, CHOOSE)
    assert "closed lets only approved applications in" in page
    assert f"{github.url}/organizations/closed/settings/oauth_application_policy" in page
    assert not GitHubIntegration.objects.exists()


def test_single_sign_on(github: Running, team: Team, alice_client: Client) -> None:
    alice_client.get(path_of(consent(begin(alice_client))))
    assert "GitHub leaves out 1 organisation that requires" in messages_of(alice_client, CHOOSE)
    alice_client.post(CHOOSE, {"other": "vault"})
    page = messages_of(alice_client, CHOOSE)
    assert "asks for single sign-on" in page
    assert "https://github.com/orgs/vault/sso?authorization_request=A" in page
    assert not GitHubIntegration.objects.exists()


@pytest.mark.parametrize("name", ["linus", "nobody", "../user", "a/b", ""])
def test_organization_that_the_token_cannot_see(
    github: Running, team: Team, alice_client: Client, name: str
) -> None:
    alice_client.get(path_of(consent(begin(alice_client))))
    alice_client.post(CHOOSE, {"organization": name})
    assert "GitHub shows no organisation or account" in messages_of(alice_client, CHOOSE)
    assert not GitHubIntegration.objects.exists()


def test_organization_of_others(github: Running, team: Team, alice_client: Client) -> None:
    del github.simulator.world.organizations[ACME].members[ADA]
    alice_client.get(path_of(consent(begin(alice_client))))
    alice_client.post(CHOOSE, {"organization": "acme"})
    assert not GitHubIntegration.objects.exists()


def test_reconnecting_replaces_the_token(github: Running, team: Team, alice_client: Client) -> None:
    connect(alice_client)
    before = GitHubIntegration.objects.get()
    before.credential.rejected_at = timezone.now()
    before.credential.save()
    assert "no longer accepts the token" in messages_of(alice_client)
    back = consent(begin(alice_client, organization=str(ACME)))
    answer = alice_client.get(path_of(back))
    assert answer.headers["location"] == "/a/acme/integrations/github/repos/"
    after = GitHubIntegration.objects.get()
    assert after.pk == before.pk
    assert after.credential.pk == before.credential.pk
    assert after.credential.access_token != before.credential.access_token
    assert after.credential.rejected_at is None
    assert token_count(github) == 1
    assert IntegrationCredential.objects.count() == 1


def test_reconnecting_by_another_admin_revokes_the_first_ones_token(
    github: Running, team: Team, alice_client: Client, bob_client: Client
) -> None:
    Membership.objects.filter(user__email="bob@example.com").update(role="admin")
    github.simulator.world.organizations[ACME].members[GRACE] = "admin"
    connect(alice_client)
    connect(alice_client, "ada")
    bob_client.get(path_of(consent(begin(bob_client), "grace")))
    bob_client.post(CHOOSE, {"organization": "acme"})
    assert token_count(github) == 2  # Alice's still serves her own account
    alice_client.post("/a/acme/integrations/github/disconnect/", {"_method": "delete"})
    connect(alice_client)
    assert token_count(github) == 1
    bob_client.get(path_of(consent(begin(bob_client), "grace")))
    bob_client.post(CHOOSE, {"organization": "acme"})
    assert token_count(github) == 1
    assert GitHubIntegration.objects.get(disconnected_at=None).credential.account_id == GRACE


def test_several_organizations(github: Running, team: Team, alice_client: Client) -> None:
    connect(alice_client, "acme")
    connect(alice_client, "ada")
    reply = alice_client.get("/a/acme/integrations/", headers={"accept": "application/json"})
    listed = reply.json()["github"]["organizations"]
    assert [entry["slug"] for entry in listed] == ["acme", "ada"]
    assert GitHubIntegration.objects.get(organization_slug="ada").account_type == "User"
    assert IntegrationCredential.objects.count() == 1


def test_cancel_revokes(github: Running, team: Team, alice_client: Client) -> None:
    alice_client.get(path_of(consent(begin(alice_client))))
    assert token_count(github) == 1
    alice_client.post(CHOOSE, {"_method": "delete"})
    assert nothing_is_stored()
    assert token_count(github) == 0


def test_abandoned_choice_is_forgotten(
    github: Running, team: Team, alice_client: Client, work: Callable[[], None]
) -> None:
    alice_client.get(path_of(consent(begin(alice_client))))
    IntegrationCredential.objects.update(created_at=timezone.now() - timedelta(hours=2))
    alice_client.get(CHOOSE)
    assert "There is no connection to finish" in messages_of(alice_client)
    work()
    assert nothing_is_stored()
    assert token_count(github) == 0


def test_without_an_oauth_app(
    github: Running, team: Team, alice_client: Client, settings: Settings
) -> None:
    settings.GITHUB_CLIENT_ID = ""
    page = messages_of(alice_client)
    assert CALLBACK in page
    assert "Connect with a personal access token" in page
    reply = alice_client.post(CONNECT, headers={"accept": "application/json"})
    assert (reply.status_code, reply.json()["error"]) == (400, "not_configured")
