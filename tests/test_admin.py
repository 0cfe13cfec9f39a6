"""Django admin, for debugging: staff only, and never a secret."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from apps.integrations.models import IntegrationCredential
from apps.teams.models import Invitation, Team
from apps.users.models import User

MODELS = sorted(
    f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry
)


@pytest.fixture
def staff_client(alice: User, alice_client: Client) -> Client:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    return alice_client


@pytest.fixture
def credential(team: Team) -> IntegrationCredential:
    credential: IntegrationCredential = IntegrationCredential.objects.create(
        team=team, kind="oauth", access_token="gho_very_secret", account_login="alice"
    )
    return credential


@pytest.mark.parametrize("address", MODELS)
def test_it_works(staff_client: Client, address: str) -> None:
    assert staff_client.get(address).status_code == 200
    assert staff_client.get(address, {"q": "anything"}).status_code == 200


def test_keys_of_sessions_are_not_shown(staff_client: Client) -> None:
    """The keys of sessions, of factors and of addresses that await confirmation."""
    page = staff_client.get("/admin/").content.decode()
    assert "/admin/mfa/authenticator/" in page
    for path in ("usersessions/usersession", "account/emailconfirmation", "sessions/session"):
        assert staff_client.get(f"/admin/{path}/").status_code == 404
        assert path not in page


def test_every_model_of_ours_is_there() -> None:
    ours = {name.split("/")[2] for name in MODELS}
    assert ours >= {"users", "teams", "audit", "metrics", "integrations"}


def test_charlie_and_the_signed_out_are_kept_out(client: Client, charlie_client: Client) -> None:
    assert client.get("/admin/", follow=True).redirect_chain[-1][0].startswith("/accounts/login/")
    page = charlie_client.get("/admin/", follow=True)
    assert page.status_code == 403
    assert "tformance.css" in page.content.decode()
    assert "Your account has no right to do this." in page.content.decode()


def test_a_token_is_not_shown_not_even_encrypted(
    staff_client: Client, credential: IntegrationCredential
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT access_token FROM integrations_integrationcredential")
        encrypted = str(cursor.fetchone()[0])
    home = "/admin/integrations/integrationcredential/"
    for address in (home, f"{home}{credential.pk}/change/"):
        page = staff_client.get(address).content.decode()
        assert "alice" in page
        assert "gho_very_secret" not in page
        assert encrypted not in page
    assert "set, not shown" in page
    assert "not set" in page


def test_a_token_whose_key_is_lost_does_not_break_the_page(
    staff_client: Client, credential: IntegrationCredential
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE integrations_integrationcredential SET access_token = 'unreadable'")
    address = f"/admin/integrations/integrationcredential/{credential.pk}/change/"
    assert "set, not shown" in staff_client.get(address).content.decode()


def test_an_invitations_key_is_not_shown(staff_client: Client, team: Team) -> None:
    ends = timezone.now() + timedelta(days=1)
    row = Invitation.objects.create(team=team, key_hash="f0" * 32, expires_at=ends)
    for address in ("/admin/teams/invitation/", f"/admin/teams/invitation/{row.pk}/change/"):
        assert row.key_hash not in staff_client.get(address).content.decode()


SECRET = re.compile(r"(^|_)(key|token|secret|hash|password|data|verifier|email)($|_)")


@pytest.fixture
def onlooker(bob: User, bob_client: Client) -> Client:
    """Staff who may look at everything and change nothing."""
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    for each in apps.get_app_configs():
        create_permissions(each, verbosity=0)
    bob.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return bob_client


@pytest.mark.parametrize("model", list(admin.site._registry), ids=lambda model: model.__name__)
def test_no_filter_tells_a_secret(onlooker: Client, model: type[Model]) -> None:
    """Neither by a field of the row, nor by one of a related row."""
    address = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    paths = [field.name for field in model._meta.concrete_fields if SECRET.search(field.name)]
    for relation in model._meta.get_fields():
        if relation.is_relation and relation.related_model:
            fields = relation.related_model._meta.concrete_fields
            found = [field.name for field in fields if SECRET.search(field.name)]
            paths += [f"{relation.name}__{name}" for name in found[:1]]
    for path in paths:
        for ending in ("", "__startswith", "__gte", "__regex"):
            asked = onlooker.get(address, {f"{path}{ending}": "a"})
            assert asked.status_code in (400, 403), f"{address}?{path}{ending}"


def test_the_filters_that_a_page_offers_work(staff_client: Client, team: Team) -> None:
    page = staff_client.get("/admin/users/user/", {"is_staff__exact": "1"}).content.decode()
    assert "alice@example.com" in page
    assert "bob@example.com" not in page
    dated = staff_client.get("/admin/audit/auditevent/", {"at__year": "2026"})
    assert dated.status_code == 200


@pytest.mark.parametrize("act", ["add/", "1/delete/"])
def test_what_the_program_makes_is_read_only(
    staff_client: Client, credential: IntegrationCredential, act: str
) -> None:
    address = "/admin/integrations/integrationcredential/"
    path = act.replace("1", str(credential.pk))
    assert staff_client.get(address + path).status_code == 403
    assert IntegrationCredential.objects.exists()


def test_an_operator_lets_an_admin_back_in(staff_client: Client, team: Team) -> None:
    address = f"/admin/teams/team/{team.pk}/change/"
    page = staff_client.get(address).content.decode()
    assert 'name="memberships-0-role"' in page
    assert 'name="recalculate_from"' not in page
    make_bob(staff_client, team, "admin")
    assert team.memberships.filter(role="admin").count() == 2


def make_bob(staff_client: Client, team: Team, role: str) -> None:
    """Changes his role."""
    bob = team.memberships.get(user__email="bob@example.com")
    form: dict[str, object] = {"memberships-TOTAL_FORMS": 1, "memberships-INITIAL_FORMS": 1}
    row = {"id": bob.pk, "team": team.pk, "user": bob.user_id, "role": role}
    form |= {f"memberships-0-{name}": value for name, value in row.items()}
    assert staff_client.post(f"/admin/teams/team/{team.pk}/change/", form).status_code == 302


def test_what_an_admin_made_does_not_come_back_with_the_role(
    staff_client: Client, team: Team, bob_client: Client, charlie_client: Client
) -> None:
    make_bob(staff_client, team, "admin")
    bob_client.post("/a/acme/settings/invitations/", {"role": "admin"})
    page = bob_client.get("/a/acme/settings/members/").content.decode()
    [link] = re.findall(r"/invitations/[\w-]{40,}/", page)
    for role in ("member", "admin"):
        make_bob(staff_client, team, role)
        assert charlie_client.get(link, follow=True).status_code == 410
