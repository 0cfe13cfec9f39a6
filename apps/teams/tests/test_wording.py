"""Counts, lists and captions on pages."""

from __future__ import annotations

import pytest
from django.core.paginator import Paginator

from apps.teams.wording import caption, counted, listed


def test_it_works() -> None:
    assert counted(1, "webhook") == "1 webhook"
    assert counted(1024, "webhook") == "1,024 webhooks"
    assert counted(0, "repository", "repositories") == "0 repositories"


@pytest.mark.parametrize(
    ("names", "said"),
    [([], ""), (["a"], "a"), (["a", "b"], "a, b"), (["a", "b", "c", "d"], "a, b and 2 more")],
)
def test_a_long_list_says_how_many_more_there_are(names: list[str], said: str) -> None:
    assert listed(names, 2) == said


def test_a_caption_says_which_part_is_shown() -> None:
    people = Paginator(range(132), 100)
    assert caption(people.page(1), "person", "people") == "132 people, 1 to 100 shown"
    assert caption(people.page(2), "person", "people") == "132 people, 101 to 132 shown"
    assert caption(Paginator([1], 100).page(1), "person", "people") == "1 person"
