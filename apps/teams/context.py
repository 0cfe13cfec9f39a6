"""Template context of every page's frame: the team, the user's teams, the current section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from apps.teams.models import Membership, Team
from apps.users import outbox, sign_ins, sign_up
from apps.users.mail import sends_mail

# Label, URL name, path below the team's, and icon.
INSIGHT = (
    ("Overview", "overview", "", "overview"),
    ("Pull requests", "pull_requests", "pull-requests/", "pull-requests"),
    ("Reviews", "reviews", "reviews/", "reviews"),
    ("Flow", "flow", "flow/", "flow"),
    ("Production", "production", "production/", "production"),
    ("Waiting", "queues", "waiting/", "waiting"),
    ("AI", "ai", "ai/", "ai"),
    ("Side by side", "compare_repositories", "compare/", "compare"),
)
SET_UP = (
    ("People", "people", "people/", "people"),
    ("Repositories", "repositories", "integrations/github/repos/", "repositories"),
    ("GitHub", "integrations", "integrations/", "github"),
    ("Settings", "team_settings", "settings/", "settings"),
)
GROUPS = (("Insight", INSIGHT), ("Set-up", SET_UP))
# Label, URL name, and whether only admins see it.
SETTINGS = (
    ("Team", "team_settings", False),
    ("Members", "team_members", False),
    ("API keys", "api_keys", False),
    ("Promises", "promises", False),
    ("Weekly digest", "digest", False),
    ("Data", "team_data", True),
    ("Audit log", "audit_log", True),
)
# Label, and URL names of its pages; the tab links to the first.
ACCOUNT = (
    ("Name", ("account_profile",)),
    ("E-mail", ("account_email",)),
    ("Password", ("account_change_password", "account_set_password")),
    ("Second factors", ("mfa_index",)),
    ("Sessions", ("account_sessions",)),
    ("Other sign-ins", ("socialaccount_connections",)),
)
# Pages that belong to a section whose path they do not share.
WITHIN = {
    "promises/": "settings/",
    "repositories/": "compare/",
    "teams/": "compare/",
    "notes/": "",
}
THEMES = ("light", "dark")


@dataclass(frozen=True)
class Section:
    """An entry of the team's navigation."""

    label: str
    url: str
    is_current: bool
    icon: str = ""


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Adds `team`, `membership`, `my_teams`, `section_groups`, `theme` and more."""
    team: Team | None = getattr(request, "team", None)
    return {
        "team": team,
        "membership": getattr(request, "membership", None),
        "my_teams": lambda: _teams_of(request),
        "section_groups": _groups(team, request.path) if team else [],
        "account_sections": lambda: _account(request),
        "settings_sections": lambda: _settings(request),
        "theme": theme_of(request),
        "github_sign_in": bool(settings.GITHUB_CLIENT_ID),
        "company_sign_in": settings.OIDC_NAME if settings.OIDC_ISSUER else "",
        "signs_in_elsewhere": bool(settings.GITHUB_CLIENT_ID or settings.OIDC_ISSUER),
        "unused_sign_ins": lambda: sign_ins.unused_by(request.user),
        "sends_mail": sends_mail(),
        "mail_is_held_up": outbox.is_held_up,
        "may_sign_up": lambda: sign_up.is_open(request),
        "who_may_sign_up": sign_up.sentence,
    }


def theme_of(request: HttpRequest) -> str:
    """The theme that this browser chose; empty: as its system is."""
    theme = request.COOKIES.get("tformance_theme", "")
    return theme if theme in THEMES else ""


def _teams_of(request: HttpRequest) -> list[Team]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return []
    known: list[Membership] | None = getattr(request, "memberships", None)
    if known is None:
        mine = Membership.objects.filter(user=user).select_related("team")
        known = list(mine.order_by("team__name"))
    return [each.team for each in known if each.team.deleting_since is None]


def _settings(request: HttpRequest) -> list[Section]:
    """The settings tabs; a page without a tab of its own belongs to Members."""
    team, membership = request.team, request.membership  # type: ignore[attr-defined]
    here = request.resolver_match.url_name if request.resolver_match else ""
    named = here if here in {name for _, name, _ in SETTINGS} else "team_members"
    return [
        Section(label, reverse(name, kwargs={"team": team.slug}), name == named)
        for label, name, is_for_admins in SETTINGS
        if membership.is_admin or not is_for_admins
    ]


def _groups(team: Team, path: str) -> list[tuple[str, list[Section]]]:
    """The team's navigation in two groups: figures and setup."""
    home = f"/a/{team.slug}/"
    below = path.removeprefix(home)
    below = next((to for start, to in WITHIN.items() if below.startswith(start)), below)
    starts = [start for _, places in GROUPS for _, _, start, _ in places]
    matching = [start for start in starts if start and below.startswith(start)]
    current = max(matching, key=len, default="" if not below else None)
    return [
        (
            group,
            [
                Section(label, reverse(name, kwargs={"team": team.slug}), start == current, icon)
                for label, name, start, icon in places
            ],
        )
        for group, places in GROUPS
    ]


def _account(request: HttpRequest) -> list[Section]:
    """The tabs of the user's account; pages of a second factor belong to one tab."""
    here = request.resolver_match.url_name if request.resolver_match else ""
    here = "mfa_index" if here and here.startswith("mfa_") else here
    return [
        Section(label, reverse(names[0]), here in names)
        for label, names in ACCOUNT
        if settings.GITHUB_CLIENT_ID
        or settings.OIDC_ISSUER
        or names[0] != "socialaccount_connections"
    ]
