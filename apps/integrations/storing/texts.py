"""The texts searched for AI marks: from new records, and from what is stored of them.

Only reduced texts are read, so that both give the same result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from apps.integrations.github import records
from apps.integrations.storing.identity import Identity
from apps.metrics.calculations import reduced
from apps.metrics.calculations.ai_accounts import UNSIGNED, Actor, Signature
from apps.metrics.calculations.marks import CommitText, Texts
from apps.metrics.calculations.reduced import Hash
from apps.metrics.models import Commit, PullRequest

Json = dict[str, Any]

# Without any of these, the absence of a mark cannot be concluded.
READ = ("body", "commits", "commits.author", "commits.message_body", "merge_message")
NOT_REPORTED = "untold"


def of_record(record: records.PullRequest, hashed: Hash) -> Texts:
    """From a fetched pull request."""
    message = (record.merge_message and record.merge_message.message) or ""
    full = Texts(
        author=Identity.from_actor(record.author).actor,
        body=record.body or "",
        branch=tidy(record.head_ref_name or ""),
        labels=[tidy(label.name) for label in record.labels.items],
        commits=[_commit(each) for each in distinct_commits(record)],
        merge_sha=record.merge_commit.oid if record.merge_commit else "",
        merge_message=message.partition("\n")[2],
    )
    return reduced.texts(full, hashed)


def of_row(row: PullRequest, commits: Iterable[Commit]) -> Texts:
    """From a stored one."""
    kept: Json = row.marks or {}
    return Texts(
        author=Actor(row.author_github_id, row.author_login, row.author_type),
        body=kept.get("body", ""),
        branch=row.head_branch,
        labels=row.labels,
        commits=[of_commit(commit) for commit in commits],
        merge_sha=row.merge_commit_sha,
        merge_message=kept.get("merge", ""),
    )


def of_commit(row: Commit) -> CommitText:
    """From a stored commit."""
    kept: Json = row.marks or {}
    account = Actor(row.author_github_id, row.author_login, "User" if row.author_login else None)
    committer = kept.get("committer")
    return CommitText(
        row.sha,
        row.message_headline or "",
        kept.get("message", ""),
        _kept_signature(kept.get("author", ("", "")), account),
        _kept_signature(committer, Actor(*committer[2:])) if committer else UNSIGNED,
    )


def _kept_signature(kept: Sequence[Any], account: Actor) -> Signature:
    name, address, *_ = kept
    return Signature(name, address, account)


def kept(texts: Texts, missing_fields: Mapping[str, bool]) -> Json:
    """What a pull request's row stores; it records texts that were never reported."""
    found: Json = {"body": texts.body, "merge": texts.merge_message}
    if any(missing_fields.get(name) is False for name in READ):
        found[NOT_REPORTED] = True
    return {name: value for name, value in found.items() if value}


def kept_of_commit(commit: CommitText, node_id: str | None, asked: Iterable[str]) -> Json:
    """What a commit's row stores; with its node id if it may have to be requested."""
    author, committer = commit.author, commit.committer
    signed = [author.name, author.address]
    account = committer.account
    found: Json = {
        "author": signed if any(signed) else None,
        "committer": [committer.name, committer.address, account.id, account.login, account.type]
        if committer != UNSIGNED
        else None,
        "message": commit.body,
        "id": node_id if commit.sha in asked else None,
    }
    return {name: value for name, value in found.items() if value}


def is_read(marks: Json | None) -> bool:
    """Whether all texts that may contain a mark were read."""
    return marks is not None and NOT_REPORTED not in marks


def tidy(text: str) -> str:
    """Text without NUL, which PostgreSQL refuses."""
    return text.replace("\x00", "")


def distinct_commits(record: records.PullRequest) -> list[records.Commit]:
    """Commits in GitHub's order, each once even if pages have shifted."""
    return list({node.commit.oid: node.commit for node in record.commits.items}.values())


def hashes(addresses: Sequence[str]) -> dict[str, str]:
    """Reduced addresses by their hash."""
    return {address[:32]: address for address in addresses if address.endswith(reduced.HASHED)}


def _commit(commit: records.Commit) -> CommitText:
    return CommitText(
        commit.oid,
        tidy(commit.message_headline or ""),
        tidy(commit.message_body or ""),
        _signature(commit.author),
        _signature(commit.committer),
    )


def _signature(actor: records.GitActor | None) -> Signature:
    if actor is None:
        return UNSIGNED
    account = Identity.from_actor(actor.user).actor
    return Signature(tidy(actor.name or ""), tidy(actor.email or ""), account)
