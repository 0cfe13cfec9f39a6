"""GitHub's REST interface, as far as tformance uses it, below `/api/v3`."""

from __future__ import annotations

from . import (
    applications,
    apps,
    avatars,
    hooks,
    issues,
    meta,
    organizations,
    pulls,
    repositories,
    users,
)

routes = [
    *users.routes,
    *organizations.routes,
    *repositories.routes,
    *pulls.routes,
    *issues.routes,
    *hooks.routes,
    *meta.routes,
    *applications.routes,
    *apps.routes,
    *avatars.routes,
]
