"""The marks by which AI work is recognised: one table, with a source for each line.

Every mark gives a lower bound. Users can switch each of them off, so the absence of a mark proves
nothing. Ids are accounts of github.com; they survive renames.
"""

from __future__ import annotations

from dataclasses import dataclass

BOT, USER = "Bot", "User"


@dataclass(frozen=True)
class Account:
    """An account of a coding agent; `login` is in GraphQL's form."""

    tool: str
    id: int | None
    login: str
    type: str
    source: str


@dataclass(frozen=True)
class Mark:
    """A text that a tool leaves, in lower case, and the source of that knowledge."""

    tool: str
    text: str
    source: str


_ACCOUNTS_API = "https://docs.github.com/en/rest/users/users (account id)"
_AIDEV = "https://arxiv.org/abs/2507.15003 (AIDev data set)"

AGENTS = (
    Account("copilot", 198982749, "copilot-swe-agent", BOT, _AIDEV),
    Account("devin", 158243242, "devin-ai-integration", BOT, _AIDEV),
    Account("claude", 209825114, "claude", BOT, "https://github.com/apps/claude"),
    Account("claude", 208546643, "claude-code-action", BOT, _ACCOUNTS_API),
    Account("claude", 215619710, "anthropic-claude", BOT, _ACCOUNTS_API),
    Account("cursor", 206951365, "cursor", BOT, "https://github.com/apps/cursor"),
    Account("cursor", 199161495, "cursoragent", USER, "https://github.com/cursoragent"),
    Account("codex", 215057067, "openai-codex", BOT, _ACCOUNTS_API),
    Account("codex", 199175422, "chatgpt-codex-connector", BOT, _AIDEV),
    Account("gemini", 176961590, "gemini-code-assist", BOT, _AIDEV),
    Account("jules", 161369871, "google-labs-jules", BOT, "https://jules.google/docs"),
    Account("amazon-q", 208079219, "amazon-q-developer", BOT, _ACCOUNTS_API),
    Account("cline", 205137888, "cline", BOT, _ACCOUNTS_API),
    Account("continue", 230936708, "continue", BOT, _ACCOUNTS_API),
    Account("cody", 201248094, "sourcegraph-cody", BOT, _ACCOUNTS_API),
    Account("jetbrains", 220155983, "jetbrains-ai", BOT, _ACCOUNTS_API),
)

REVIEWERS = (
    Account("copilot", None, "copilot-pull-request-reviewer", BOT, _AIDEV),
    Account("coderabbit", 136622811, "coderabbitai", BOT, _AIDEV),
    Account("cursor", None, "cursor", BOT, "https://cursor.com/bugbot"),
    Account("greptile", None, "greptile-apps", BOT, _AIDEV),
    Account("cubic", None, "cubic-dev-ai", BOT, _AIDEV),
    Account("gemini", None, "gemini-code-assist", BOT, _AIDEV),
    Account("ellipsis", None, "ellipsis-dev", BOT, _AIDEV),
    Account("sourcery", None, "sourcery-ai", BOT, _AIDEV),
    Account("graphite", None, "graphite-app", BOT, _AIDEV),
    Account("claude", None, "claude", BOT, _AIDEV),
    Account("sentry", None, "seer-by-sentry", BOT, _AIDEV),
    Account("codex", None, "chatgpt-codex-connector", BOT, _AIDEV),
)
"""Accounts that only review, and agents that also review. A scanner is no AI."""

_TRAILER_DOCS = "https://docs.claude.com/en/docs/claude-code/settings (includeCoAuthoredBy)"

ADDRESSES = (
    Mark("claude", "noreply@anthropic.com", _TRAILER_DOCS),
    Mark("claude", "no-reply@anthropic.com", _AIDEV),
    Mark("cursor", "cursoragent@cursor.com", _AIDEV),
    Mark("codex", "noreply@openai.com", "https://github.com/openai/codex (commit attribution)"),
    Mark("aider", "noreply@aider.chat", "https://aider.chat/docs/git.html"),
    Mark("gemini", "gemini-code-assist[bot]@users.noreply.github.com", _AIDEV),
)
"""Addresses of authors, committers and co-authors."""

NOREPLY_IDS = {
    223556219: ("copilot", "the command line; https://github.com/github/copilot-cli"),
    175728472: ("copilot", "an accepted review suggestion; " + _AIDEV),
    167198135: ("copilot", _AIDEV),
}
"""Ids in `ID+LOGIN@users.noreply.github.com` that are not an agent's own account."""

WEAK_ADDRESSES = (
    Mark("copilot", "copilot@github.com", "https://github.com/microsoft/vscode/issues/310226"),
)
"""Also added to commits without AI: evidence, but no proof of writing."""

TRAILERS = (
    Mark("cursor", "made-with: cursor", "https://cursor.com/docs/agent (attribution)"),
    Mark("replit", "replit-commit-author: agent", _AIDEV),
)

NAME_ENDINGS = (Mark("aider", " (aider)", "https://aider.chat/docs/git.html"),)
"""How an author's or committer's name ends."""

HEADLINE_BEGINNINGS = (Mark("aider", "aider:", "https://aider.chat/docs/git.html"),)

BODY_TEXTS = (Mark("claude", "generated with [claude code]", _TRAILER_DOCS),)

BODY_LINKS = (
    Mark("claude", "claude.ai/code", _TRAILER_DOCS),
    Mark("claude", "claude.com/claude-code", _TRAILER_DOCS),
    Mark("codex", "chatgpt.com/codex", _AIDEV),
    Mark("devin", "app.devin.ai", _AIDEV),
    Mark("cursor", "cursor.com/agents", _AIDEV),
    Mark("cursor", "cursor.com/background-agent", _AIDEV),
    Mark("jules", "jules.google.com/task", "https://jules.google/docs"),
)
"""Links, without their scheme."""

DESCRIBED = (
    Mark("cursor", "<!-- cursor_summary -->", "https://cursor.com/bugbot"),
    Mark(
        "coderabbit",
        "<!-- this is an auto-generated comment: release notes by coderabbit.ai -->",
        "https://docs.coderabbit.ai",
    ),
    Mark("copilot", "copilot:summary", "https://githubnext.com/projects/copilot-for-pull-requests"),
    Mark("copilot", "copilot:all", "https://githubnext.com/projects/copilot-for-pull-requests"),
)
"""A tool wrote the description; these do not say who wrote the code."""

_BRANCH_DOCS = "the tool's own default prefix; " + _AIDEV

BRANCHES = (
    Mark("copilot", "copilot/", _BRANCH_DOCS),
    Mark("codex", "codex/", _BRANCH_DOCS),
    Mark("cursor", "cursor/", _BRANCH_DOCS),
)
"""Prefixes of head branches that alone prove writing."""

WEAK_BRANCHES = (
    Mark("devin", "devin/", _AIDEV),
    Mark("claude", "claude/", _AIDEV),
    Mark("jules", "jules/", _AIDEV),
)
"""Prefixes that people use as well: evidence only with another mark."""

LABELS = (Mark("claude", "claude-code-assisted", _AIDEV),)

TOOLS = tuple(sorted({line.tool for line in (*AGENTS, *ADDRESSES, *TRAILERS)}))
"""The tools that write code, as offered by the filter."""
