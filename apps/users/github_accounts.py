"""A user's GitHub accounts: only those that they have signed in with."""

from __future__ import annotations

from allauth.socialaccount.models import SocialAccount
from django.db.models import QuerySet

from apps.users.models import User


def signed_in_with(user: User) -> QuerySet[SocialAccount]:
    """The GitHub accounts that a user has proven to be theirs; `uid` is GitHub's id."""
    found: QuerySet[SocialAccount] = SocialAccount.objects.filter(user=user, provider="github")
    return found
