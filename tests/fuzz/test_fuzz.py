"""Generated requests: no internal error, no row of another team, no secret in a response.

A few hundred here; `make fuzz` sends a hundred thousand, with another seed each time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import urlencode

import hypothesis
import pytest
import schemathesis
from django.db import transaction
from django.test import Client, override_settings
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from pytest_django import DjangoDbBlocker
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from apps.integrations.hooks import handling
from apps.integrations.models import Hook, WebhookDelivery
from tests.fuzz import generate
from tests.fuzz.forms import forms_of
from tests.fuzz.place import NOWHERE, Ask, Place, make_place

pytestmark = pytest.mark.django_db
SEED = int(os.environ.get("FUZZ_SEED", "1"))
REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "400"))
TOGETHER = 8  # requests that see the changes of those before them
ROUND = 1_000  # examples after which hypothesis forgets what it has tried


@pytest.fixture(scope="module")
def place(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Place]:
    changed = override_settings(GITHUB_URL=NOWHERE)
    with django_db_blocker.unblock(), changed, transaction.atomic():
        yield make_place()
        transaction.set_rollback(True)


def send(share: float, strategy: st.SearchStrategy[Any], check: Callable[[Any], None]) -> None:
    """Checks this share of all requests."""
    left, seeds = max(int(REQUESTS * share) // TOGETHER, 1), count(SEED)
    while left > 0:
        examples = min(left, ROUND)

        @hypothesis.seed(next(seeds))
        @hypothesis.settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # the failing example is enough; shrinking it takes minutes
            suppress_health_check=list(HealthCheck),
        )
        @given(st.lists(strategy, min_size=TOGETHER, max_size=TOGETHER))
        def each(asks: Any) -> None:
            check(asks)

        each()
        left -= examples


def _send_all(place: Place) -> Callable[[list[Ask]], None]:
    def check(asks: list[Ask]) -> None:
        with place.untouched(*(ask.visitor for ask in asks)):
            for ask in asks:
                place.send(ask)

    return check


def test_it_works(place: Place) -> None:
    """Forms as on pages."""
    forms = forms_of(place)
    assert len(forms) > 30
    send(0.3, generate.form_asks(place, forms), _send_all(place))


def test_addresses(place: Place) -> None:
    send(0.25, generate.address_asks(place), _send_all(place))


def test_callbacks(place: Place) -> None:
    with place.untouched("neighbour"):
        begun = place.send(
            Ask("admin", "POST", "/a/acme/integrations/github/connect/")
        ).headers.get("Location", "")
        states = [begun.partition("state=")[2].partition("&")[0], "", "x"]
        send(0.05, generate.callback_asks(place, states), _send_all(place))


@pytest.mark.skipif(not generate.PUBLISHED.exists(), reason="`npm ci` brings GitHub's examples")
def test_deliveries(place: Place) -> None:
    hook = Hook.objects.order_by("pk").first()
    assert hook

    def check(asks: list[Ask]) -> None:
        with place.untouched():
            replies = [place.send(ask).status_code for ask in asks]
            while handling.turn(datetime.now(UTC)):
                pass
            came = WebhookDelivery.objects.filter(attempts__gt=0)
            assert came.count() == replies.count(202), asks

    send(0.3, generate.hook_asks(hook, generate.published_examples()), check)


def test_the_read_api(place: Place) -> None:
    """As in its own description, and otherwise."""
    description = Client().get("/api/v1/openapi.json").json()
    found = list(schemathesis.openapi.from_dict(description).get_all_operations())
    operations = [each.ok() for each in found if isinstance(each, Ok)]
    assert len(operations) == len(found), found
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    strategies = [each.as_strategy(mode) for each in operations for mode in modes]
    keys = {"key of acme": place.acme.key, "key of beta": place.beta.key, "signed out": "tfk_none"}

    def check(cases: list[Any]) -> None:
        for case, visitor in cases:
            bearer = {"authorization": f"Bearer {keys[visitor]}"}
            query = urlencode(case.query or {}, doseq=True)
            with place.untouched(visitor):
                ask = Ask(visitor, case.method, case.formatted_path, query, headers=bearer)
                reply = place.send(ask)
                if visitor == "signed out":
                    assert reply.status_code in (401, 404, 405), ask

    send(0.1, st.tuples(st.one_of(strategies), st.sampled_from(sorted(keys))), check)
