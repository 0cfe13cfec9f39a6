"""Which accounts on GitHub are a user's own: those they have signed in with, and no others."""

from __future__ import annotations

from allauth.socialaccount.models import SocialAccount

from apps.users.models import User


def github_accounts(user: User) -> frozenset[int]:
    """GitHub's ids of the accounts that a user has proven to be theirs."""
    found = SocialAccount.objects.filter(user=user, provider="github")
    return frozenset(int(uid) for uid in found.values_list("uid", flat=True) if uid.isdigit())
