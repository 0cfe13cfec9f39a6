"""Titles, branches and bodies of generated pull requests."""

from __future__ import annotations

import re
from random import Random

_VERBS = (
    "Add", "Add", "Fix", "Fix", "Fix", "Remove", "Refactor", "Speed up", "Simplify", "Document",
    "Test", "Retry", "Validate", "Cache", "Move", "Rename", "Handle", "Log", "Paginate",
)  # fmt: skip
_THINGS = (
    "invoice rounding", "the retry queue", "session expiry", "address validation", "CSV import",
    "search suggestions", "currency conversion", "the audit log", "webhook signatures",
    "feature flags", "empty states", "password reset", "date formatting", "rate limits",
    "the health check", "image upload", "dark mode", "keyboard navigation", "tax rules",
    "the onboarding checklist", "idempotency keys", "connection pooling", "refund handling",
    "time zone handling", "the settings page", "batch exports", "partial payments",
    "the release script", "error reporting", "account deletion", "background jobs",
    "the metrics endpoint", "access tokens", "database indexes", "e-mail templates",
)  # fmt: skip
_WHY = (
    "for large accounts", "when the cart is empty", "on slow connections", "in the nightly job",
    "after a failed payment", "behind a flag", "for guests", "in the admin", "on mobile",
    "for archived projects", "without a round trip", "as agreed in planning",
)  # fmt: skip
_RARE = (
    "🚀 Faster start-up of the worker",
    "✨ New checkout summary 🛒",
    "🐛 Off-by-one in the calendar 📅",
    "إصلاح ترتيب الفواتير في القائمة",
    "הוספת תמיכה בכתיבה מימין לשמאל",
    "検索結果の並び順を直す",
    "👩‍🚀 Zero-width joiners survive the importer",
    "Fix revert button in the editor",
    "Dashboard: =SUM() in a title is only text",
)
_PACKAGES = (
    "left-trim", "fastparse", "httpkit", "yamlite", "colorwheel", "datepick", "pgbridge",
    "tinycache", "routerly", "jsonpatcher",
)  # fmt: skip
_BODIES = (
    "",
    "Follow-up to last week's discussion.\n\n- [x] tests\n- [ ] docs",
    "What it says. Tested by hand on staging.",
    "## Why\n\nCustomers reported this twice.\n\n## How\n\nSee the commits, one step each.",
    "Closes #{issue}",
)


def title(rng: Random) -> str:
    """What a person calls a pull request."""
    if rng.random() < 0.015:
        return rng.choice(_RARE)
    words = f"{rng.choice(_VERBS)} {rng.choice(_THINGS)}"
    return f"{words} {rng.choice(_WHY)}" if rng.random() < 0.45 else words


def body(rng: Random) -> str:
    """What a person writes below the title, often nothing."""
    return rng.choice(_BODIES).replace("{issue}", str(rng.randint(1, 900)))


def branch(rng: Random, login: str, text: str) -> str:
    """A branch name for a title."""
    words = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-") or "patch"
    style = rng.random()
    if style < 0.4:
        return f"{login}/{words}"
    return f"feature/{words}" if style < 0.6 else f"{words}-{rng.randint(1, 999)}"


def bump(rng: Random) -> tuple[str, str, str]:
    """Title, branch and body of a dependency bot's pull request."""
    package = rng.choice(_PACKAGES)
    major, minor, patch = rng.randint(0, 9), rng.randint(0, 20), rng.randint(0, 9)
    old, new = f"{major}.{minor}.{patch}", f"{major}.{minor + 1}.0"
    text = f"Bump {package} from {old} to {new}"
    return text, f"dependabot/npm_and_yarn/{package}-{new}", f"{text}."


def commit_message(rng: Random) -> str:
    """A commit's message."""
    return f"{rng.choice(_VERBS)} {rng.choice(_THINGS)}"


def review_text(rng: Random) -> str:
    """What a reviewer writes on top."""
    return rng.choice(
        (
            "",
            "",
            "Looks good.",
            "Nice, thank you.",
            "Two small things below.",
            "Could this be split? The migration deserves its own pull request.",
            "Please add a test for the empty case.",
        )
    )
