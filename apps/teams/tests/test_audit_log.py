"""`/a/{team}/settings/audit/`: who did what, when and from where."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from apps.audit import history, triggers
from apps.audit.models import AuditEvent
from apps.audit.words import ACTIONS, GROUPS
from apps.teams.models import Team
from apps.users.models import User

PAGE = "/a/acme/settings/audit/"
APPS = Path(__file__).resolve().parents[2]
JSON = {"accept": "application/json"}


def test_it_works(alice_client: Client, team: Team) -> None:
    alice_client.post("/a/acme/settings/invitations/", {"email": "", "role": "member"})
    page = " ".join(alice_client.get(PAGE).content.decode().split())
    assert "Invited a person" in page
    assert "alice@example.com" in page
    assert "127.0.0.1" in page
    columns = re.findall(r'<th scope="col">([^<]+)', page)
    assert columns == ["When", "Who", "What", "Target", "IP address"]


def test_it_is_for_admins(bob_client: Client, charlie_client: Client, team: Team) -> None:
    assert bob_client.get(PAGE).status_code == 403
    assert charlie_client.get(PAGE).status_code == 404
    assert PAGE not in bob_client.get("/a/acme/settings/").content.decode()


def test_filters(alice_client: Client, team: Team) -> None:
    made = {"team": team, "actor_email": "bob@example.com"}
    AuditEvent.objects.create(action="github.sync.begun", **made)
    AuditEvent.objects.create(action="team.settings_changed", **made)
    assert _actions(alice_client, "what=github.sync") == ["github.sync.begun"]
    assert "github.sync.begun" in _actions(alice_client, "who=BOB")
    assert _actions(alice_client, "who=dana") == []
    today = timezone.now().date()
    assert len(_actions(alice_client, f"since={today}&until={today}&who=bob")) == 2
    assert _actions(alice_client, f"since={today + timedelta(days=1)}") == []
    assert len(_actions(alice_client, "since=0001-01-01&until=9999-12-31&who=bob")) == 2
    assert alice_client.get(f"{PAGE}?since=tomorrow").status_code == 400
    assert alice_client.get(f"{PAGE}?format=xml").status_code == 400


def _actions(client: Client, query: str) -> list[str]:
    events = client.get(f"{PAGE}?{query}", headers=JSON).json()["events"]
    return [event["action"] for event in events]


def test_sign_ins_of_members_are_shown_and_of_nobody_else(
    alice_client: Client, team: Team, bob: User, charlie: User
) -> None:
    for person in (bob, charlie):
        AuditEvent.objects.create(
            action="account.signed_in", actor=person, actor_email=person.email
        )
    page = alice_client.get(f"{PAGE}?what=account", headers=JSON).json()
    assert "bob@example.com" in {event["who"] for event in page["events"]}
    assert "charlie@example.com" not in {event["who"] for event in page["events"]}


def test_pages(alice_client: Client, team: Team) -> None:
    for number in range(history.PAGE + 5):
        AuditEvent.objects.create(team=team, action="team.created", object_name=str(number))
    first = alice_client.get(f"{PAGE}?what=team", headers=JSON).json()
    rest = alice_client.get(f"{PAGE}?what=team&before={first['next']}", headers=JSON).json()
    names = [event["object"] for event in first["events"] + rest["events"]]
    assert names == [str(number) for number in reversed(range(history.PAGE + 5))]
    assert rest["next"] is None


def test_exporting_the_log_is_recorded_too(alice_client: Client, team: Team) -> None:
    for name in ("=1+1", "\n=1+2"):
        AuditEvent.objects.create(team=team, action="team.created", object_name=name)
    lines = alice_client.get(f"{PAGE}?format=csv").getvalue().decode().splitlines()
    assert lines[0] == "at,who,from,action,object,details"
    excel = alice_client.get(f"{PAGE}?format=excel")
    assert excel.getvalue().startswith(b"\xef\xbb\xbfat,who,")
    assert excel.headers["content-disposition"] == 'attachment; filename="acme-audit.csv"'
    assert any("'=1+1" in line for line in lines)
    assert any(line.endswith("\"'") for line in lines)
    rows = alice_client.get(f"{PAGE}?format=jsonl").getvalue().decode().splitlines()
    assert {json.loads(row)["action"] for row in rows} >= {"team.created", "audit.exported"}


def test_nothing_can_be_changed(team: Team) -> None:
    event = AuditEvent.objects.create(team=team, action="team.created")
    with pytest.raises(TypeError, match="append-only"):
        event.save()


STATEMENTS = [
    "UPDATE audit_auditevent SET action = 'team.deleted'",
    "UPDATE audit_auditevent SET object_name = 'Beta'",
    "UPDATE audit_auditevent SET details = '{\"a\": 1}'",
    "UPDATE audit_auditevent SET actor_email = 'bob@example.com'",
    "UPDATE audit_auditevent SET at = '2001-01-01 00:00:00'",
    "UPDATE audit_auditevent SET ip_address = NULL",
    "UPDATE audit_auditevent SET actor_id = NULL",
    "UPDATE audit_auditevent SET team_id = NULL",
    "UPDATE audit_auditevent SET id = id + 1000",
    (
        "UPDATE audit_auditevent SET team_id = NULL, actor_id = NULL, actor_email = '',"
        " ip_address = NULL, object_name = '', details = '{}'"
    ),
    "DELETE FROM audit_auditevent",
]
OF_SQLITE = [
    (
        "INSERT OR REPLACE INTO audit_auditevent"
        " (id, at, actor_email, action, object_name, details)"
        " SELECT id, at, '', 'team.deleted', '', '{}' FROM audit_auditevent"
    ),
    "UPDATE OR REPLACE audit_auditevent SET id = (SELECT MAX(id) FROM audit_auditevent)",
]
OF_POSTGRESQL = [
    "TRUNCATE audit_auditevent",
    (
        "INSERT INTO audit_auditevent (id, at, actor_email, action, object_name, details)"
        " SELECT id, at, '', 'team.deleted', '', '{}' FROM audit_auditevent"
        " ON CONFLICT (id) DO UPDATE SET action = 'team.deleted'"
    ),
]


def test_the_database_refuses_every_statement(team: Team, alice: User) -> None:
    for name in ("Acme", "Beta"):
        AuditEvent.objects.create(
            team=team,
            action="team.created",
            object_name=name,
            actor=alice,
            actor_email=alice.email,
            ip_address="127.0.0.1",
        )
    before = list(AuditEvent.objects.values())
    more = OF_POSTGRESQL if connection.vendor == "postgresql" else OF_SQLITE
    for statement in [*STATEMENTS, *more]:
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            connection.cursor().execute(statement)
    assert list(AuditEvent.objects.values()) == before


def test_a_migration_brings_the_triggers_back(team: Team) -> None:
    AuditEvent.objects.create(team=team, action="team.created")
    triggers.remove(connection)
    call_command("migrate", verbosity=0)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEvent.objects.all().delete()


def test_deleted_users_stay_in_the_log(team: Team, alice: User) -> None:
    AuditEvent.objects.create(team=team, action="team.created", actor=alice, actor_email="a@b.c")
    pk = alice.pk
    alice.delete()
    event = AuditEvent.objects.get()
    assert (event.actor_id, event.actor_email) == (pk, "a@b.c")


def test_entries_of_a_deleted_team_name_nobody(team: Team, alice: User) -> None:
    for each in (team, Team.objects.create(name="Beta", slug="beta")):
        AuditEvent.objects.create(team=each, action="team.created", object_name=each.name)
    Team.objects.filter(pk=team.pk).update(deleting_since=timezone.now())
    history.scrub(AuditEvent.objects.filter(team=team))
    kept = AuditEvent.objects.order_by("pk").values_list("action", "object_name")
    assert list(kept) == [("team.created", ""), ("team.created", "Beta")]


def test_a_year_is_kept_unless_the_team_says_otherwise(team: Team) -> None:
    _note_before(team, 364, 366)
    history.forget_old(timezone.now(), [team.audit_days])
    assert [event.object_name for event in AuditEvent.objects.all()] == ["364"]
    _note_before(team, 89, 91)
    team.audit_days = 90
    team.save()
    history.forget_old(timezone.now(), [90])
    assert [event.object_name for event in AuditEvent.objects.all()] == ["89"]


def _note_before(team: Team, *days: int) -> None:
    with connection.cursor() as cursor:
        for age in days:
            at = timezone.now() - timedelta(days=age)
            cursor.execute(
                "INSERT INTO audit_auditevent (at, team_id, actor_email, action, object_name,"
                " details) VALUES (%s, %s, '', 'team.created', %s, '{}')",
                [at, team.pk, str(age)],
            )


def test_every_action_has_words() -> None:
    call = re.compile(r'\b(?:record|_audit)\(\s*(?:request, |credential, )?"([a-z_]+\.[a-z_.]+)"')
    code = [path for path in APPS.glob("**/*.py") if "tests" not in path.parts]
    recorded = {name for path in code for name in call.findall(path.read_text())}
    assert len(recorded) > 20
    assert recorded <= set(ACTIONS)


def test_every_action_can_be_chosen() -> None:
    assert [name for name in ACTIONS if not name.startswith(tuple(GROUPS))] == []


def test_disconnections_can_be_chosen(alice_client: Client, team: Team) -> None:
    for action in ("github.disconnected", "github.delivery.retried", "github.connect.begun"):
        AuditEvent.objects.create(team=team, action=action)
    assert _actions(alice_client, "what=github.disconnect") == ["github.disconnected"]
    assert _actions(alice_client, "what=github.delivery") == ["github.delivery.retried"]
