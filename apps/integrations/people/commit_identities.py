"""Who commits say wrote them, kept as keyed hashes, and what is equal in it.

Names and addresses themselves are not stored: a hash by the team's key is enough to suggest that
two accounts are one person.
"""

from __future__ import annotations

from collections.abc import Iterable

from apps.integrations.github import records
from apps.integrations.models import CoAuthor, CommitIdentity
from apps.integrations.people.team_key import hashed, key_of
from apps.metrics.models import Commit, PullRequest
from apps.teams.models import Team

# Whose addresses say nothing about who somebody works for.
_ANYBODYS = frozenset(
    (
        *("gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com"),
        *("yahoo.com", "icloud.com", "me.com", "mac.com", "aol.com", "gmx.de", "gmx.net"),
        *("web.de", "mail.ru", "yandex.ru", "qq.com", "163.com", "126.com", "naver.com"),
        *("proton.me", "protonmail.com", "pm.me", "fastmail.com", "hey.com", "duck.com"),
    )
)
# GitHub's stand-ins hold the account's own name: they say nothing about a second one. The first is
# what an address is kept as.
_STAND_INS = ("hashed.invalid", "users.noreply.github.com", "noreply.github.com", "github.com")


def record_accounts(team: Team, fetched: Iterable[records.PullRequest]) -> None:
    """Keeps what the commits of these pull requests say of accounts."""
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
    """Forgets what was said by commits of accounts of which no commit is kept any more."""
    kept = Commit.objects.for_team(team).filter(author_github_id__isnull=False)
    CommitIdentity.objects.filter(team=team).exclude(
        github_id__in=kept.values("author_github_id")
    ).delete()
    asked = PullRequest.objects.for_team(team).filter(initiator_github_id__isnull=False)
    CoAuthor.objects.filter(team=team, github_id__isnull=False).exclude(
        github_id__in=asked.values("initiator_github_id")
    ).delete()


def plain_name(name: str | None) -> str:
    """A name as it is compared; empty where it tells nobody apart."""
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
