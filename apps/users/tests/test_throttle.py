"""Attempts are counted in the database: nothing evicts them, and no other service is needed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache, caches
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apps.integrations.keeping import retention
from apps.users.models import Attempts, User
from conftest import PASSWORD

pytestmark = pytest.mark.django_db
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def without_redis(settings: Settings) -> None:
    gone = {"BACKEND": "tformance.cache.Cache", "LOCATION": NOWHERE}
    settings.CACHES = {**settings.CACHES, "pages": gone, "counts": gone}


def sign_in(user: User, password: str) -> Any:
    return Client().post("/accounts/login/", {"login": user.email, "password": password})


def guess(user: User) -> None:
    for _ in range(5):
        sign_in(user, "wrong")


def test_it_works(alice: User) -> None:
    guess(alice)
    assert "Too many attempts" in sign_in(alice, PASSWORD).content.decode()


def test_other_entries_do_not_evict_them(alice: User) -> None:
    guess(alice)
    for each in ("pages", "counts"):
        for number in range(12_000):
            caches[each].set(str(number), "x")
    assert "Too many attempts" in sign_in(alice, PASSWORD).content.decode()


def test_without_redis_people_sign_in_and_guessing_is_stopped(
    alice: User, bob: User, without_redis: None
) -> None:
    assert sign_in(bob, PASSWORD).status_code == 302
    guess(alice)
    refused = sign_in(alice, PASSWORD)
    assert refused.status_code == 200
    assert "Too many attempts" in refused.content.decode()


def test_rows_name_no_address(alice: User) -> None:
    guess(alice)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM users_attempts")
        rows = str(cursor.fetchall())
    assert Attempts.objects.exists()
    assert "127.0.0.1" not in rows
    assert alice.email not in rows


def test_expired_entries_are_deleted() -> None:
    cache.set("one", [1.5], 60)
    assert cache.add("one", [2.5], 60) is False
    Attempts.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert cache.get("one") is None
    assert cache.add("one", [2.5], 60) is True
    cache.delete("one")
    cache.set("two", True, 0)
    retention.forget_audit(timezone.now())
    assert not Attempts.objects.exists()


def test_an_entry_is_bounded_by_the_database() -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        cache.set("one", "x" * 20_001, 60)
