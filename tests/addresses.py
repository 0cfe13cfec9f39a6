"""Every URL of the program and who may use it; one without a rule fails a test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

TEAM = "a/<slug:team>/"
GITHUB = f"{TEAM}integrations/github/"
PULL_REQUEST = f"{TEAM}pull-requests/<str:owner>/<str:repository>/<int:number>/"


class For(Enum):
    """Who may use a URL."""

    EVERYONE = "everyone"
    SIGNED_IN = "every signed-in user"
    OWNER = "the owner of such a second factor"
    MEMBER = "members of the team"
    ADMIN = "admins of the team"
    STAFF = "the operator's staff"
    KEY = "a program with a key of the team"
    GITHUB = "GitHub, by its signature"


@dataclass(frozen=True)
class Rule:
    """Who may use a URL, by which methods, and what a form sends."""

    who: For
    methods: tuple[str, ...] = ("GET",)
    data: Mapping[str, Any] = field(default_factory=dict)


BOTH = ("GET", "POST")
POST = ("POST",)

RULES: dict[str, Rule] = {
    "webhooks/github/": Rule(For.GITHUB, POST),
    "health/live": Rule(For.EVERYONE),
    "health/ready": Rule(For.EVERYONE),
    "metrics": Rule(For.EVERYONE),  # without METRICS_TOKEN set it is 404: test_metrics.py
    "": Rule(For.EVERYONE),
    "invitations/": Rule(For.EVERYONE, BOTH),
    "invitations/<str:key>/": Rule(For.EVERYONE),
    "teams/new/": Rule(For.SIGNED_IN, BOTH),
    "accounts/profile/": Rule(For.SIGNED_IN, BOTH),
    "integrations/github/callback/": Rule(For.SIGNED_IN),
    "integrations/github/app/": Rule(For.SIGNED_IN),
    # The figures.
    TEAM: Rule(For.MEMBER),
    f"{TEAM}pull-requests/": Rule(For.MEMBER),
    PULL_REQUEST: Rule(For.MEMBER),
    f"{TEAM}views/": Rule(For.MEMBER, BOTH),
    f"{TEAM}views/<int:view>/": Rule(For.MEMBER, (*BOTH, "DELETE"), {"name": "Renamed"}),
    f"{TEAM}figures/prepared/": Rule(For.MEMBER),
    f"{TEAM}filters/": Rule(For.MEMBER, POST),
    f"{TEAM}filters/options/": Rule(For.MEMBER, data={"kind": "repo"}),
    f"{TEAM}reviews/": Rule(For.MEMBER),
    f"{TEAM}flow/": Rule(For.MEMBER),
    f"{TEAM}waiting/": Rule(For.MEMBER),
    f"{TEAM}ai/": Rule(For.MEMBER),
    f"{TEAM}ai/marks/": Rule(For.MEMBER),
    f"{TEAM}production/": Rule(For.MEMBER),
    f"{TEAM}production/deployments/": Rule(For.MEMBER),
    f"{TEAM}production/deployments/<int:deployment>/": Rule(For.MEMBER),
    f"{TEAM}production/deployments/<int:deployment>/correction/": Rule(
        For.MEMBER, POST, {"verdict": "failed"}
    ),
    f"{TEAM}production/sources/": Rule(For.MEMBER),
    f"{TEAM}production/sources/<int:github_repo_id>/": Rule(For.ADMIN, BOTH, {"source": ""}),
    f"{TEAM}compare/repositories/": Rule(For.MEMBER),
    f"{TEAM}compare/people/": Rule(For.MEMBER),
    f"{TEAM}compare/teams/": Rule(For.MEMBER),
    f"{TEAM}teams/new/": Rule(For.ADMIN, BOTH, {"name": "New"}),
    f"{TEAM}teams/<int:group>/": Rule(For.MEMBER),
    f"{TEAM}teams/<int:group>/change/": Rule(For.ADMIN, BOTH, {"name": "Changed"}),
    f"{TEAM}notes/": Rule(For.MEMBER, BOTH, {"day": "2026-03-02", "text": "A note"}),
    f"{TEAM}notes/<int:note>/": Rule(For.MEMBER, ("POST",)),
    f"{TEAM}repositories/<int:github_repo_id>/": Rule(For.MEMBER),
    f"{TEAM}people/<int:github_id>/": Rule(For.MEMBER),
    f"{TEAM}settings/digest/": Rule(For.MEMBER, BOTH),
    "digest/off/<str:token>/": Rule(For.EVERYONE),
    f"{TEAM}how-we-count/": Rule(For.MEMBER),
    # Data sources.
    f"{TEAM}promises/": Rule(For.MEMBER),
    f"{TEAM}people/": Rule(For.MEMBER),
    f"{TEAM}people/<int:github_id>/switch/": Rule(For.ADMIN, POST),
    f"{TEAM}settings/data/": Rule(For.ADMIN, (*BOTH, "DELETE")),
    f"{TEAM}settings/data/archive/": Rule(For.ADMIN),
    f"{TEAM}people/<int:github_id>/data/": Rule(For.ADMIN, (*BOTH, "DELETE")),
    f"{TEAM}people/<int:github_id>/data/archive/": Rule(For.ADMIN),
    f"{TEAM}people/accounts/": Rule(For.ADMIN),
    f"{TEAM}people/accounts/<int:github_id>/": Rule(For.ADMIN, POST, {"decision": "undo"}),
    f"{TEAM}integrations/": Rule(For.MEMBER),
    f"{GITHUB}connect/": Rule(For.ADMIN, POST),
    f"{GITHUB}callback/": Rule(For.ADMIN),
    f"{GITHUB}app/": Rule(For.ADMIN),
    f"{GITHUB}token/": Rule(For.ADMIN, POST),
    f"{GITHUB}organization/": Rule(For.ADMIN, BOTH),
    f"{GITHUB}disconnect/": Rule(For.ADMIN, (*BOTH, "DELETE")),
    f"{GITHUB}left/<int:farewell_id>/": Rule(For.ADMIN, POST),
    f"{GITHUB}refresh/": Rule(For.ADMIN, POST),
    f"{GITHUB}repos/": Rule(For.MEMBER),
    f"{GITHUB}repos/matches/": Rule(For.MEMBER),
    f"{GITHUB}repos/<int:github_repo_id>/": Rule(For.ADMIN, ("DELETE",)),
    f"{GITHUB}webhooks/": Rule(For.MEMBER),
    f"{GITHUB}webhooks/<int:delivery_id>/": Rule(For.ADMIN, POST),
    f"{GITHUB}webhooks/secrets/": Rule(For.ADMIN, POST),
    f"{GITHUB}webhooks/organization/": Rule(For.ADMIN, POST),
    f"{GITHUB}sync/": Rule(For.ADMIN, POST),
    f"{GITHUB}sync/status/": Rule(For.MEMBER),
    # The team.
    f"{TEAM}settings/": Rule(For.MEMBER),
    f"{TEAM}settings/leave/": Rule(For.MEMBER, POST),
    f"{TEAM}settings/members/": Rule(For.MEMBER),
    f"{TEAM}settings/members/<int:member>/role/": Rule(For.ADMIN, POST, {"role": "member"}),
    f"{TEAM}settings/members/<int:member>/remove/": Rule(For.ADMIN, POST),
    f"{TEAM}settings/invitations/": Rule(For.ADMIN, BOTH),
    f"{TEAM}settings/invitations/<int:invitation>/revoke/": Rule(For.ADMIN, POST),
    f"{TEAM}settings/api-keys/": Rule(For.MEMBER, BOTH),
    f"{TEAM}settings/api-keys/<int:key>/revoke/": Rule(For.MEMBER, POST),
    f"{TEAM}settings/audit/": Rule(For.ADMIN),
    # The read API.
    "api/v1/openapi.json": Rule(For.EVERYONE),
    "api/v1/docs": Rule(For.EVERYONE),
    "api/v1/": Rule(For.EVERYONE),
    "api/v1/<path:path>": Rule(For.EVERYONE),
    "api/v1/team": Rule(For.KEY),
    "api/v1/freshness": Rule(For.KEY),
    "api/v1/views": Rule(For.KEY),
    "api/v1/flow": Rule(For.KEY),
    "api/v1/ai": Rule(For.KEY),
    "api/v1/production": Rule(For.KEY),
    "api/v1/review-figures": Rule(For.KEY),
    "api/v1/compare/repositories": Rule(For.KEY),
    "api/v1/compare/people": Rule(For.KEY),
    "api/v1/compare/repositories/<github_repo_id>": Rule(For.KEY),
    "api/v1/compare/people/<github_id>": Rule(For.KEY),
    "api/v1/overview": Rule(For.KEY),
    "api/v1/pull-requests": Rule(For.KEY),
    "api/v1/pull-requests/<owner>/<name>/<number>": Rule(For.KEY),
    "api/v1/reviews": Rule(For.KEY),
    "api/v1/commits": Rule(For.KEY),
    "api/v1/members": Rule(For.KEY),
    "api/v1/deployments": Rule(For.KEY),
    "api/v1/repositories": Rule(For.KEY),
    # Signing in, by allauth.
    "accounts/login/": Rule(For.EVERYONE),
    "accounts/logout/": Rule(For.EVERYONE),
    "accounts/inactive/": Rule(For.EVERYONE),
    "accounts/signup/": Rule(For.EVERYONE),
    "accounts/confirm-email/": Rule(For.EVERYONE),
    "accounts/confirm-email/<str:key>/": Rule(For.EVERYONE, BOTH),
    "accounts/^confirm-email/(?P<key>[-:\\w]+)/$": Rule(For.EVERYONE),
    "accounts/login/code/confirm/": Rule(For.EVERYONE),
    "accounts/password/reset/": Rule(For.EVERYONE),
    "accounts/password/reset/done/": Rule(For.EVERYONE),
    "accounts/password/reset/key/done/": Rule(For.EVERYONE),
    "accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": Rule(For.EVERYONE),
    "accounts/3rdparty/login/cancelled/": Rule(For.EVERYONE),
    "accounts/3rdparty/login/error/": Rule(For.EVERYONE),
    "accounts/3rdparty/signup/": Rule(For.EVERYONE),
    "accounts/social/login/cancelled/": Rule(For.EVERYONE),
    "accounts/social/login/error/": Rule(For.EVERYONE),
    "accounts/social/signup/": Rule(For.EVERYONE),
    "accounts/social/connections/": Rule(For.EVERYONE),
    "accounts/github/login/": Rule(For.EVERYONE, BOTH),
    "accounts/oidc/^(?P<provider_id>[^/]+)/login/": Rule(For.EVERYONE, BOTH),
    "accounts/oidc/^(?P<provider_id>[^/]+)/login/callback/": Rule(For.EVERYONE),
    "accounts/github/login/callback/": Rule(For.EVERYONE),
    "accounts/sessions/": Rule(For.SIGNED_IN),
    "accounts/reauthenticate/": Rule(For.SIGNED_IN),
    "accounts/email/": Rule(For.SIGNED_IN),
    "accounts/password/change/": Rule(For.SIGNED_IN),
    "accounts/password/set/": Rule(For.SIGNED_IN),
    "accounts/3rdparty/": Rule(For.SIGNED_IN),
    "accounts/2fa/": Rule(For.SIGNED_IN),
    "accounts/2fa/authenticate/": Rule(For.EVERYONE),
    "accounts/2fa/reauthenticate/": Rule(For.SIGNED_IN),
    "accounts/2fa/totp/activate/": Rule(For.SIGNED_IN),
    "accounts/2fa/totp/deactivate/": Rule(For.OWNER),
    "accounts/2fa/recovery-codes/": Rule(For.OWNER),
    "accounts/2fa/recovery-codes/generate/": Rule(For.SIGNED_IN),
    "accounts/2fa/recovery-codes/download/": Rule(For.OWNER),
    "accounts/2fa/webauthn/": Rule(For.SIGNED_IN),
    "accounts/2fa/webauthn/add/": Rule(For.SIGNED_IN),
    "accounts/2fa/webauthn/login/": Rule(For.EVERYONE),
    "accounts/2fa/webauthn/keys/<int:pk>/remove/": Rule(For.OWNER, BOTH),
    "accounts/2fa/webauthn/keys/<int:pk>/edit/": Rule(For.OWNER, BOTH),
    "accounts/2fa/webauthn/reauthenticate/": Rule(For.SIGNED_IN),
}
STAFF = Rule(For.STAFF)
# The staff's own pages redirect refused visitors to the sign-in.
DOORS = ("admin/login/", "admin/logout/", "admin/(?P<url>.*)$")


def routes() -> Iterator[str]:
    """Every URL of the program, as a pattern."""
    return _below(get_resolver().url_patterns, "")


def rule_of(route: str) -> Rule | None:
    """The rule of a URL; None if it has none."""
    return STAFF if route.startswith("admin/") else RULES.get(route)


def _below(patterns: list[URLPattern | URLResolver], start: str) -> Iterator[str]:
    for each in patterns:
        route = start + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from _below(each.url_patterns, route)
        else:
            yield route
