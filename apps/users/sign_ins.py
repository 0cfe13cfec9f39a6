"""External sign-in: GitHub, and a company's own provider."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.urls import reverse

from apps.users import company_sign_in


@dataclass(frozen=True)
class Place:
    """A provider's name, and the address where sign-in begins."""

    provider: str
    name: str
    url: str


def set_up() -> Iterator[Place]:
    """The providers set up on this server."""
    if settings.GITHUB_CLIENT_ID:
        yield Place("github", "GitHub", reverse("github_login"))
    if settings.OIDC_ISSUER:
        company = company_sign_in.PROVIDER
        url = reverse("openid_connect_login", args=[company])
        yield Place(company, settings.OIDC_NAME, url)


def unused_by(user: Any) -> list[Place]:
    """The providers that the user could add to their account."""
    used = set(SocialAccount.objects.filter(user=user.pk).values_list("provider", flat=True))
    return [place for place in set_up() if place.provider not in used]
