"""What must be the same on PostgreSQL as on SQLite, which the other tests use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.program import POSTGRES, ROOT, clean_environment, manage, postgres_database, tformance

# Each run starts Python and creates the tables, which takes longer than most of these tests.
METRICS = (
    "apps/metrics/tests/test_explorer.py",
    "apps/metrics/tests/test_flow_and_reviews.py",
    "apps/metrics/tests/test_one_truth.py",
    "apps/metrics/tests/test_queries.py",
)
ACCOUNTS = (
    "apps/integrations/tests/test_clock.py",
    "apps/teams/tests/test_audit_log.py",
    "apps/users/tests/test_sessions.py",
    "apps/users/tests/test_throttle.py",
    "tests/test_bounds.py",
    "tests/test_thief.py",
)
TOGETHER = (METRICS, ACCOUNTS)

pytestmark = pytest.mark.services


@pytest.mark.parametrize("modules", TOGETHER, ids=["metrics", "accounts"])
def test_it_works(modules: tuple[str, ...]) -> None:
    with postgres_database() as database:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *modules],
            cwd=ROOT,
            env={**clean_environment(), "DATABASE_URL": database},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-4000:]


def test_a_database_user_who_may_not_make_the_extension(tmp_path: Path) -> None:
    """Everything but the index exists; after the extension, the next migration creates it."""
    with postgres_database() as database:
        name = urlsplit(database).path.removeprefix("/")
        own = f"{POSTGRES.rpartition('/')[0]}/{name}"
        theirs = urlsplit(own)._replace(netloc=f"{name}@127.0.0.1:{urlsplit(own).port}").geturl()
        with psycopg.connect(own, autocommit=True) as server:
            server.execute(f"CREATE ROLE {name} LOGIN")
            server.execute(f"GRANT ALL ON SCHEMA public TO {name}")
        settings = {"DATABASE_URL": theirs, "DATA_DIR": str(tmp_path)}
        first = manage("migrate", **settings)
        assert first.returncode == 0, first.stderr
        assert "CREATE EXTENSION pg_trgm" in first.stderr
        assert "titles: are searched without an index" in tformance("doctor", **settings).stdout
        with psycopg.connect(own, autocommit=True) as server:
            server.execute("CREATE EXTENSION pg_trgm")
        again = manage("migrate", **settings)
        assert "CREATE EXTENSION" not in again.stderr
        with psycopg.connect(own, autocommit=True) as server:
            found = server.execute("SELECT TO_REGCLASS('pull_request_title_trigrams')").fetchone()
            server.execute(f"DROP OWNED BY {name} CASCADE")
            server.execute(f"DROP ROLE {name}")
        assert found == ("pull_request_title_trigrams",)
