"""Authors named in commits, kept as keyed hashes, to find equal ones.

Names and addresses themselves are not stored: a hash with the team's key is enough to suggest that
two accounts belong to one person.
"""

from __future__ import annotations

from collections.abc import Iterable

from apps.integrations.github import records
from apps.integrations.models import CoAuthor, CommitIdentity
from apps.integrations.people.team_key import hashed, key_of
from apps.metrics.models import Commit, PullRequest
from apps.teams.models import Team

# Addresses at these domains say nothing about a person's employer.
_ANYBODYS = frozenset(
    (
        *("gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com"),
        *("yahoo.com", "icloud.com", "me.com", "mac.com", "aol.com", "gmx.de", "gmx.net"),
        *("web.de", "mail.ru", "yandex.ru", "qq.com", "163.com", "126.com", "naver.com"),
        *("proton.me", "protonmail.com", "pm.me", "fastmail.com", "hey.com", "duck.com"),
    )
)
# GitHub's placeholder addresses contain the account's own name: they cannot link a second account.
# The first is the domain under which addresses are stored.
_STAND_INS = ("hashed.invalid", "users.noreply.github.com", "noreply.github.com", "github.com")


def record_accounts(team: Team, fetched: Iterable[records.PullRequest]) -> None:
    """Stores what the commits of these pull requests say about accounts."""
    said = {
        (author.user.database_id, author.user.login or "", author.name, author.email)
        for record in fetched
        for node in record.commits.items
        if (author := node.commit.author) and author.user and author.user.database_id
    }
    if not said:
        return
    key = key_of(team)
    rows = [_row(team, key, *each) for each in sorted(said, key=repr)]
    CommitIdentity.objects.bulk_create(
        [row for row in rows if row.email_hash or row.name_hash], ignore_conflicts=True
    )


def forget_gone(team: Team) -> None:
    """Deletes what is stored about accounts without any remaining commit."""
    kept = Commit.objects.for_team(team).filter(author_github_id__isnull=False)
    CommitIdentity.objects.filter(team=team).exclude(
        github_id__in=kept.values("author_github_id")
    ).delete()
    asked = PullRequest.objects.for_team(team).filter(initiator_github_id__isnull=False)
    CoAuthor.objects.filter(team=team, github_id__isnull=False).exclude(
        github_id__in=asked.values("initiator_github_id")
    ).delete()


def plain_name(name: str | None) -> str:
    """A name normalised for comparison; empty if it identifies nobody."""
    words = (name or "").replace("\0", "").casefold().split()
    return " ".join(words) if len(words) > 1 else ""


def _row(
    team: Team, key: bytes, account: int, login: str, name: str | None, email: str | None
) -> CommitIdentity:
    address = (email or "").replace("\0", "").strip().lower()
    domain = address.rpartition("@")[2]
    if "@" not in address or domain.endswith(_STAND_INS) or "." not in domain:
        address = domain = ""
    return CommitIdentity(
        team=team,
        github_id=account,
        login=login,
        email_hash=hashed(key, address),
        domain_hash=hashed(key, "" if domain in _ANYBODYS else domain),
        name_hash=hashed(key, plain_name(name)),
    )
