"""The people of the tests: Alice (admin), Bob (member) and Charlie, who is in no team."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.management import create_permissions
from django.contrib.contenttypes.management import create_contenttypes
from django.contrib.contenttypes.models import ContentType
from django.db import connection, connections
from django.db.models.signals import post_migrate
from django.test import Client, override_settings
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

from apps.audit import triggers
from apps.teams.models import Membership, Team
from apps.users.models import User

# How fast examples are generated and run depends on the machine.
settings.register_profile("any", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any")

PASSWORD = "correct horse battery"
HASHERS = "django.contrib.auth.hashers"
# Each of their tests is independent and slow.
APART = (
    "tests/chaos/",
    "tests/test_both_databases.py",
    "tests/test_rotation.py",
    "tests/test_upgrade",
)
TOGETHER = "tests/pages/"  # share a program and a browser


class ByFile(LoadFileScheduling):  # type: ignore[misc]
    """Gives the tests of a file to one process, independent ones to whichever is free."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(TOGETHER):
            return TOGETHER
        return nodeid if nodeid.startswith(APART) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    return ByFile(config, log)


@pytest.fixture(scope="session", autouse=True)
def _hash_quickly() -> Iterator[None]:
    """Hashing is slow on purpose, and the tests create many users and sign them in."""
    quick, slow = f"{HASHERS}.MD5PasswordHasher", f"{HASHERS}.PBKDF2PasswordHasher"
    with override_settings(PASSWORD_HASHERS=[quick, slow]):
        yield


def _person(name: str) -> User:
    email, password = f"{name.lower()}@example.com", make_password(PASSWORD)
    return User.objects.create(email=email, first_name=name, password=password)


def signed_in(user: User) -> Client:
    """A browser in which this user is signed in."""
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def alice(db: None) -> User:
    return _person("Alice")


@pytest.fixture
def bob(db: None) -> User:
    return _person("Bob")


@pytest.fixture
def charlie(db: None) -> User:
    return _person("Charlie")


@pytest.fixture
def team(alice: User, bob: User) -> Team:
    """Acme, with Alice as admin and Bob as member."""
    team = Team.objects.create(name="Acme", slug="acme")
    Membership.objects.create(team=team, user=alice, role=Membership.Role.ADMIN)
    Membership.objects.create(team=team, user=bob, role=Membership.Role.MEMBER)
    return team


@pytest.fixture
def alice_client(alice: User) -> Client:
    return signed_in(alice)


@pytest.fixture
def bob_client(bob: User) -> Client:
    return signed_in(bob)


@pytest.fixture
def charlie_client(charlie: User) -> Client:
    return signed_in(charlie)


@pytest.fixture(autouse=True)
def _let_the_audit_log_be_emptied(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a test whose rows are deleted, not rolled back: the database refuses that otherwise.

    Emptying ends as a migration does, which recreates the triggers.
    """
    mark = request.node.get_closest_marker("django_db")
    named = {"transactional_db", "live_server"} & set(request.fixturenames)
    if not named and not (mark and mark.kwargs.get("transaction")):
        yield
        return
    request.getfixturevalue("transactional_db")
    yield
    triggers.remove(connection)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """Emptying the database does not recreate permissions, which takes longer than many a test.

    Only staff have them, and their tests create what they need.
    """
    post_migrate.disconnect(dispatch_uid=f"{create_permissions.__module__}.create_permissions")
    post_migrate.disconnect(create_contenttypes)
    post_migrate.connect(_forget_content_types)


def _forget_content_types(**_: Any) -> None:
    ContentType.objects.clear_cache()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keeps SQLite in a file, as in production: in memory, waiting threads fail at once."""
    database = connections["default"]
    if database.vendor == "sqlite":
        path = tmp_path_factory.mktemp("database") / "test.sqlite3"
        database.settings_dict["TEST"]["NAME"] = str(path)
