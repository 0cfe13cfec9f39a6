"""GitHub's REST interface, as far as tformance uses it, below `/api/v3`."""

from __future__ import annotations

from . import (
    applications,
    apps,
    avatars,
    commits,
    delivery,
    hooks,
    issues,
    meta,
    organizations,
    pulls,
    repositories,
    users,
    workflows,
)

routes = [
    *users.routes,
    *organizations.routes,
    *repositories.routes,
    *pulls.routes,
    *issues.routes,
    *commits.routes,
    *delivery.routes,
    *workflows.routes,
    *hooks.routes,
    *meta.routes,
    *applications.routes,
    *apps.routes,
    *avatars.routes,
]
