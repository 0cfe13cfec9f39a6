"""The rows of the made-up company's stories, as a sync would store them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from apps.metrics.calculations import marks
from apps.metrics.calculations import pull_requests as calculations
from apps.metrics.calculations.ai_accounts import Actor
from apps.metrics.calculations.facts import CommitFact, EventFact, PullRequestFacts, ReviewFact

if TYPE_CHECKING:
    from benchmarks.company import Account, Company, Story

VERBS = ("Add", "Fix", "Remove", "Rename", "Cache", "Test", "Document", "Speed up", "Move", "Retry")
THINGS = ("the login page", "invoices", "a flaky test", "the search index", "webhooks", "exports")
PLACES = (
    "for new teams",
    "in the API",
    "behind a flag",
    "on mobile",
    "when offline",
    "at midnight",
)
CO_AUTHORS = ("noreply@anthropic.com", "cursoragent@cursor.com", "noreply@openai.com")
LABELS = ("bug", "feature", "dependencies", "documentation", "security", "hotfix")
Row = dict[str, Any]


def pull_request(
    company: Company,
    story: Story,
    facts: PullRequestFacts,
    by_ai: Sequence[datetime],
    repository: int,
    number: int,
) -> Row:
    random, author = company.random, story.author
    assert facts.additions is not None
    title = f"{random.choice(VERBS)} {random.choice(THINGS)} {random.choice(PLACES)}"
    is_revert = random.random() < 0.012
    labels = random.sample(LABELS, 1) if random.random() < 0.25 else []
    branch = f"topic/{number}"
    merger = random.choice(story.regulars) if facts.merged_at else None
    merge_sha = f"{random.getrandbits(160):040x}" if facts.merged_at else ""
    is_by_agent = author == company.agent
    return {
        "repository_id": repository,
        "number": number,
        "github_id": repository * 10_000_000 + number,
        "node_id": f"PR_kwDOA{repository:05}{number:08}",
        "url": f"https://github.com/acme/service-{repository}/pull/{number}",
        "title": f'Revert "{title}"' if is_revert else title,
        "state": facts.state,
        "is_draft": facts.is_draft,
        "missing_fields": {},
        "stored_revision": 0,
        "base_branch": "main" if random.random() < 0.95 else "release",
        "head_branch": branch,
        "labels": labels,
        "author_id": author and author.member,
        "author_github_id": author and author.id,
        "author_login": author and author.login,
        "author_type": author and author.type,
        "merged_by_github_id": merger and merger.id,
        "merged_by_login": merger and merger.login,
        "merge_commit_sha": merge_sha,
        "additions": facts.additions,
        "deletions": facts.deletions,
        "changed_files": facts.additions // 30 + 1,
        "commit_count": len(facts.commits),
        "comment_count": len(facts.reviews) + random.randrange(4),
        "opened_at": facts.opened_at,
        "updated_at": facts.closed_at or facts.opened_at,
        "closed_at": facts.closed_at,
        "merged_at": facts.merged_at,
        "is_bot": facts.author.is_bot,
        # Nobody knows who asked the agent.
        "is_external": is_by_agent or not (facts.author.is_bot or (author and author.member)),
        "is_revert": is_revert,
        "is_excluded": False,
        "is_hotfix": calculations.is_hotfix(labels, branch, title, calculations.HotfixPatterns()),
        "reverts_repository": "",
        "fetched_at": company.now,
        **written(company, story, branch, labels, merge_sha),
        "first_ai_review_at": min(by_ai, default=None),
        "ai_reviews": len(by_ai),
        "human_touched": is_touched(story, merger),
    }


def written(
    company: Company, story: Story, branch: str, labels: Sequence[str], merge_sha: str
) -> Row:
    """Who wrote it, by what is kept of its texts: assistants were used more and more."""
    random, author, kept = company.random, story.author, {}
    years_ago = (company.now - story.opened_at).days / 365
    if author and author.type == "User" and random.random() < 0.4 - 0.2 * years_ago:
        kept["merge"] = f"Co-authored-by: <{random.choice(CO_AUTHORS)}>"
    elif random.random() < 0.05:
        kept["body"] = "copilot:summary"
    texts = marks.Texts(
        Actor(author.id, author.login, author.type) if author else Actor(None, None, None),
        kept.get("body", ""),
        branch,
        labels,
        merge_sha=merge_sha,
        merge_message=kept.get("merge", ""),
    )
    found = marks.read(texts)
    return {
        "marks": kept,
        "ai": found.ai,
        "ai_tools": list(found.tools),
        "ai_evidence": list(found.evidence),
        "findings": [
            [each.kind, each.tool, each.weight, each.text, each.place] for each in found.findings
        ],
    }


def ai_reviews(company: Company, story: Story, facts: PullRequestFacts) -> list[datetime]:
    """When the AI reviewer reviewed it, from the opening until its end."""
    given = [each.submitted_at for who, each in story.reviews if who == company.bots[-1]]
    end = facts.merged_at or facts.closed_at
    return [at for at in given if at >= facts.opened_at and (end is None or at <= end)]


def is_touched(story: Story, merger: Account | None) -> bool:
    """Whether a person wrote, reviewed or merged it; a deleted account that reviewed is one."""
    reviewers = [who for who, _ in story.reviews]
    known = [who for who in (story.author, merger, *reviewers) if who]
    return None in reviewers or any(who.type == "User" for who in known)


def review(
    company: Company,
    pull_request: int,
    who: Account | None,
    review: ReviewFact,
    counted_as: tuple[bool, int | None, int | None],
    is_ai: bool,
) -> Row:
    pk = next(company.ids["review"])
    counts, response, answer = counted_as
    return {
        **company.stamps,
        "id": pk,
        "pull_request_id": pull_request,
        "github_id": 10**9 + pk,
        "node_id": f"PRR_kwDOA{pk:010}",
        "reviewer_id": who and who.member,
        "reviewer_github_id": who and who.id,
        "reviewer_login": who and who.login,
        "reviewer_type": who and who.type,
        "state": review.state,
        "submitted_at": review.submitted_at,
        "is_qualifying": counts,
        "response_time": response,
        "answer_time": answer,
        "is_ai": is_ai,
    }


def event(company: Company, pull_request: int, event: EventFact) -> Row:
    pk = next(company.ids["event"])
    asked = company.members_by_id[event.reviewer] if event.reviewer else None
    return {
        **company.stamps,
        "id": pk,
        "pull_request_id": pull_request,
        "node_id": f"EV_lADOA{pk:012}",
        "kind": event.kind,
        "at": event.at,
        "reviewer_login": asked and asked.login,
        "reviewer_type": asked and asked.type,
        "reviewer_github_id": event.reviewer,
    }


def commit(
    company: Company, pk: int, repository: int, author: Account | None, commit: CommitFact
) -> Row:
    # GitHub finds no account for the commits of bots.
    author = author if author and author.type == "User" else None
    return {
        **company.stamps,
        "id": pk,
        "repository_id": repository,
        "sha": f"{company.random.getrandbits(160):040x}",
        "author_id": author and author.member,
        "author_github_id": author and author.id,
        "author_login": author and author.login,
        "authored_at": commit.authored_at,
        "committed_at": commit.committed_at,
        "additions": 12,
        "deletions": 4,
        "message_headline": "Take a step of this work",
        "reverts_sha": None,
    }
