"""What people type to find pull requests: words, numbers, addresses."""

from __future__ import annotations

import re

from django.db.models import Q

from apps.metrics.titles import TitleHas, words

_NUMBER = re.compile(r"#?(\d{1,9})")
_ADDRESS = re.compile(r"(?:https?://[^/]+/)?([\w.-]+/[\w.-]+)(?:#|/pull/)(\d{1,9})(?:[/?#].*)?")


def condition(text: str) -> Q:
    """Pull requests that have every word of a text.

    A word is in the title, or it is the number (`12`, `#12`); `acme/web#12` and the address of a
    pull request on GitHub name that one alone.
    """
    found = Q()
    for word in words(text):
        found &= _condition(word)
    return found


def _condition(word: str) -> Q:
    if address := _ADDRESS.fullmatch(word):
        return Q(repository__full_name__iexact=address[1], number=int(address[2]))
    if number := _NUMBER.fullmatch(word):
        return Q(number=int(number[1])) | Q(TitleHas(word))
    return Q(TitleHas(word))
