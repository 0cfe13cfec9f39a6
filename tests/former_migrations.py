"""Fills a database by the migrations that squashed ones replace: `python -m … [APP=NAME …]`.

Without names, as the last version before had it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import django

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
# The migrations of an early version.
EARLY = {
    "audit": "0002_initial",
    "integrations": "0001_initial",
    "metrics": "0003_initial",
    "teams": "0002_initial",
}
# The former squashed migrations; audit's was the same as today's, and is known.
BETWEEN = {
    "integrations": "0010_essence_of_payloads",
    "metrics": "0013_bounds",
    "teams": "0009_bounds",
}


def main(names: dict[str, str]) -> None:
    django.setup()
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor
    from django.db.migrations.loader import MigrationLoader

    executor = MigrationExecutor(connection)
    squashed = executor.loader.replacements
    last = {app: migration.replaces[-1][1] for (app, _), migration in squashed.items()}
    leaves = executor.loader.graph.leaf_nodes()
    executor.migrate([leaf for leaf in leaves if leaf[0] not in last])

    executor.loader = MigrationLoader(connection, replace_migrations=False)
    state = executor.migrate(list((last | names).items()))
    for app, name in squashed:
        if names != BETWEEN or app in BETWEEN:
            executor.recorder.record_unapplied(app, name)  # unknown to that version
    _fill(state.apps.get_model)


def _fill(model: Callable[[str, str], Any]) -> None:
    """Rows of every app."""
    user = model("users", "User").objects.create(email="alice@example.com")
    team = model("teams", "Team").objects.create(name="Acme", slug="acme")
    model("teams", "Membership").objects.create(team=team, user=user, role="admin")
    model("audit", "AuditEvent").objects.create(team=team, actor=user, action="team_made")
    shop = model("metrics", "Repository").objects.create(
        team=team, github_repo_id=1, full_name="acme/shop"
    )
    model("metrics", "PullRequest").objects.create(
        team=team,
        repository=shop,
        number=7,
        github_id=70,
        state="open",
        opened_at=NOON,
        updated_at=NOON,
        first_commit_at=NOON,
        fetched_at=NOON,
    )
    model("integrations", "SyncRun").objects.create(team=team, reason="terminal")


if __name__ == "__main__":
    main(dict(argument.split("=") for argument in sys.argv[1:]))
