"""Stores an organisation's people and their teams, a turn at a time, and who left.

`places` says where the next turn continues.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils import timezone

from apps.integrations.github import people
from apps.integrations.github.client import GitHub
from apps.integrations.github.errors import NotFoundError, ScopeMissingError
from apps.integrations.github.people import Part, Person
from apps.integrations.models import GitHubIntegration
from apps.integrations.repositories.places import Place, Step, is_over
from apps.integrations.storing import ingest_people

NO_PEOPLE = (
    "The token may not list the organisation's people, so authors are shown by their GitHub "
    "login. Connect with a token that has the scope read:org, or as a fine-grained one may read "
    "Members, to see names and teams."
)

PEOPLE_LEFT_OUT = (
    "GitHub left out some of the organisation's people. Until it lists everyone, nobody "
    "counts as having left."
)
PUBLIC_ALONE = (
    "The token's account is no member of the organisation, so GitHub shows only public members. "
    "Nobody counts as having left."
)
TOO_HEAVY = {
    Step.MEMBERS: (
        "GitHub took too long to list the organisation's people. Earlier data stays, and it is "
        "asked again tomorrow."
    ),
    Step.GROUPS: (
        "GitHub took too long to list the organisation's teams. Earlier data stays, and it is "
        "asked again tomorrow."
    ),
}
NO_GROUPS = "The token may not list the organisation's teams, so nobody is grouped by them."
GROUPS_LEFT_OUT = (
    "GitHub left out some of the organisation's teams or their members. Earlier data stays until "
    "it lists all of them."
)


def members(integration: GitHubIntegration, github: GitHub, place: Place, ends: datetime) -> bool:
    try:
        return _read_members(integration, github, place, ends)
    except (ScopeMissingError, NotFoundError):
        place.note(NO_PEOPLE)
        place.go_on()  # Without people there is nobody to group.
        if not integration.members_synced_at:
            _people_are_known(integration)
        return True


def read_members(github: GitHub, integration: GitHubIntegration) -> str:
    """Stores current members and departures; returns what GitHub left out.

    Raises GitHubError.
    """
    place = Place()
    _read_members(integration, github, place, None)
    return " ".join(place.left_out)


def _read_members(
    integration: GitHubIntegration, github: GitHub, place: Place, ends: datetime | None
) -> bool:
    """Stores members page by page, and in the end who left; returns whether that was the end."""
    is_public = False
    for page in _pages_of_people(github, integration, place.next):
        ingest_people.members(integration, page.items)
        ids = [person.github_id for person in page.items]
        place.add(ids, page.next, is_complete=page.is_complete)
        is_public = page.is_public
        if page.next and is_over(ends):
            return False
    if not place.is_complete:
        place.note(PEOPLE_LEFT_OUT)
    elif is_public and not _sees_everyone(integration, set(place.seen)):
        if ingest_people.are_missing(integration, set(place.seen)):
            place.note(PUBLIC_ALONE)
    else:
        ingest_people.members_left(integration, set(place.seen))
    return True


def _sees_everyone(integration: GitHubIntegration, listed: set[int]) -> bool:
    """Whether the token's account is listed itself, or an App's, which is never a member."""
    credential = integration.credential
    return bool(credential.installation_id) or credential.account_id in listed


def _pages_of_people(
    github: GitHub, integration: GitHubIntegration, after: str
) -> Iterator[Part[Person]]:
    login = integration.organization_slug
    if integration.account_type == "Organization":
        return people.members(github, login, after)
    owner = people.user(github, login)
    person = Person(owner.id, owner.login, owner.name or "", owner.avatar_url, "owner")
    return iter([Part([person])])


def groups(integration: GitHubIntegration, github: GitHub, place: Place, ends: datetime) -> bool:
    """Fetches the organisation's teams; without them, people can still be shown."""
    if integration.account_type == "Organization":
        try:
            if not _read_groups(integration, github, place, ends):
                return False
        except (ScopeMissingError, NotFoundError):
            place.note(NO_GROUPS)
    _people_are_known(integration)
    return True


def _read_groups(
    integration: GitHubIntegration, github: GitHub, place: Place, ends: datetime
) -> bool:
    login, known = integration.organization_slug, frozenset(place.seen)
    for page in people.groups(github, login, place.next, known, place.begun):
        whole = [group for group in page.items if not group.next]
        place.begun = next((group for group in page.items if group.next), None)
        for group in whole:
            ingest_people.group(integration, group)
            place.note("" if group.is_complete else GROUPS_LEFT_OUT)
        ids = [group.github_id for group in whole]
        place.add(ids, page.next, is_complete=page.is_complete)
        if (page.items or page.next) and is_over(ends):
            return False
    if place.is_complete:
        ingest_people.groups_gone(integration, set(place.seen))
    else:
        place.note(GROUPS_LEFT_OUT)
    return True


def _people_are_known(integration: GitHubIntegration) -> None:
    integration.members_synced_at = timezone.now()
    integration.save(update_fields=["members_synced_at"])
