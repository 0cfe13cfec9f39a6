"""Which account an address in a commit message belongs to, as known here or from GitHub."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from apps.chunks import chunks
from apps.integrations.github import records
from apps.integrations.models import CoAuthor, CommitIdentity
from apps.integrations.storing.facts import PullRequestRow, read
from apps.integrations.storing.identity import Accounts
from apps.integrations.storing.last_known import MissingFields
from apps.integrations.storing.texts import hashes
from apps.metrics.calculations.ai_accounts import Actor
from apps.metrics.filters import accounts
from apps.teams.models import Team


def known(team: Team, addresses: Iterable[str]) -> dict[str, Actor | None]:
    """Accounts by hashed address; None if GitHub knows none.

    GitHub's answer takes precedence over a person who committed with it; other addresses are left
    out.
    """
    wanted = hashes(sorted(set(addresses)))
    found: dict[str, Actor | None] = {}
    for some in chunks(list(wanted)):
        by_commits = CommitIdentity.objects.filter(team=team, email_hash__in=some).order_by("pk")
        by_github = CoAuthor.objects.filter(team=team, address_hash__in=some)
        for rows, field in ((by_commits, "email_hash"), (by_github, "address_hash")):
            for address, account, login in rows.values_list(field, "github_id", "login"):
                found[wanted[address]] = Actor(account, login, "User") if account else None
    return found


def read_all(
    team: Team, completed: Sequence[tuple[records.PullRequest, MissingFields]], main: Accounts
) -> list[PullRequestRow]:
    """Records as rows, each with what was not reported; looks up all addresses at once."""
    groups = accounts.group_members(team, main)
    rows = [
        read(team, record, main, missing_fields, groups) for record, missing_fields in completed
    ]
    asked = {address for row in rows for address in row.unknown}
    if not (found := known(team, asked)):
        return rows
    return [
        read(team, each[0], main, each[1], groups, found) if row.unknown else row
        for row, each in zip(rows, completed, strict=True)
    ]
