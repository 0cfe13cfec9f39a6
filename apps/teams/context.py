"""What the frame around every page needs: the team, the user's teams, where one is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from apps.teams.models import Membership, Team
from apps.users.mail import sends_mail

# Label, name of the address, and what its address begins with below the team's.
SECTIONS = (
    ("Overview", "overview", ""),
    ("Pull requests", "pull_requests", "pull-requests/"),
    ("Reviews", "reviews", "reviews/"),
    ("Flow", "flow", "flow/"),
    ("Side by side", "compare_repositories", "compare/"),
    ("People", "people", "people/"),
    ("Repositories", "repositories", "integrations/github/repos/"),
    ("GitHub", "integrations", "integrations/"),
    ("Settings", "team_settings", "settings/"),
)
# Label, name of the address, and whether it is for admins alone.
SETTINGS = (
    ("Team", "team_settings", False),
    ("Members", "team_members", False),
    ("API keys", "api_keys", False),
    ("Promises", "promises", False),
    ("Weekly digest", "digest", False),
    ("Data", "team_data", True),
    ("Audit log", "audit_log", True),
)
# Pages whose place is in a section that they are not below.
WITHIN = {"promises/": "settings/", "repositories/": "compare/"}
THEMES = ("light", "dark")


@dataclass(frozen=True)
class Section:
    """A place in the team's navigation."""

    label: str
    url: str
    is_current: bool


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Adds `team`, `membership`, `my_teams`, `sections`, `theme` and more."""
    theme = request.COOKIES.get("tformance_theme", "")
    team: Team | None = getattr(request, "team", None)
    return {
        "team": team,
        "membership": getattr(request, "membership", None),
        "my_teams": lambda: _teams_of(request),
        "sections": _sections(team, request.path) if team else [],
        "settings_sections": lambda: _settings(request),
        "theme": theme if theme in THEMES else "",
        "github_sign_in": bool(settings.GITHUB_CLIENT_ID),
        "sends_mail": sends_mail(),
    }


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
    """The tabs of the settings; what has no tab of its own is about members."""
    team, membership = request.team, request.membership  # type: ignore[attr-defined]
    here = request.resolver_match.url_name if request.resolver_match else ""
    named = here if here in {name for _, name, _ in SETTINGS} else "team_members"
    return [
        Section(label, reverse(name, kwargs={"team": team.slug}), name == named)
        for label, name, is_for_admins in SETTINGS
        if membership.is_admin or not is_for_admins
    ]


def _sections(team: Team, path: str) -> list[Section]:
    home = f"/a/{team.slug}/"
    below = path.removeprefix(home)
    below = next((to for start, to in WITHIN.items() if below.startswith(start)), below)
    matching = [start for *_, start in SECTIONS if start and below.startswith(start)]
    current = max(matching, key=len, default="" if not below else None)
    return [
        Section(label, reverse(name, kwargs={"team": team.slug}), start == current)
        for label, name, start in SECTIONS
    ]
