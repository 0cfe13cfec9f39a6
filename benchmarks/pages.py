"""Each page compared with the same figures from hand-written SQL.

`python -m benchmarks.pages [NAME…]`, where a name is a part of a line's beginning. The settings'
database holds a made-up company (`python -m benchmarks.load 1000000`). In every round a page and
its SQL take turns: cold after a pull request was edited, the frame that comes at once if figures
follow, warm with nothing changed. On SQLite pages are measured alone. Before all pages the arrays
are built from scratch; after them come 20 concurrent readers (`readers`), while something is edited
each second, and the memory of the process.
"""

from __future__ import annotations

import base64
import gc
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import django

SQL = Path(__file__).with_name("sql")
ROUNDS = int(os.environ.get("ROUNDS", "5"))
RANGES = {"90 days": 90, "5 years": 5 * 365}


@dataclass(frozen=True)
class Page:
    """A page, and the parameters of its SQL."""

    name: str
    path: str
    days: int
    given: dict[str, Any] = field(default_factory=dict)

    @property
    def statements(self) -> Path:
        """The file of the same figures in SQL, for most pages."""
        return SQL / f"{self.name}.sql"


@dataclass
class Found:
    """Milliseconds of each round, `own` being CPU time of the cold page; its queries."""

    cold: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    frame: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    queries: int = 0


def pages(last: datetime) -> Iterator[tuple[str, Page]]:
    """Every page, over a quarter and over all years."""
    for name, days in RANGES.items():
        address = f"?since={(last - timedelta(days=days - 1)).date()}&until={last.date()}"
        for page, path in (
            ("overview", ""),
            ("flow", "flow/"),
            ("reviews", "reviews/"),
            ("compare_repositories", "compare/repositories/"),
            ("compare_people", "compare/people/"),
            ("compare_teams", "compare/teams/"),
            ("ai", "ai/"),
            ("waiting", "waiting/"),
            ("production", "production/"),
            ("repository", "repositories/7001/"),
            ("team", "teams/1/"),
            ("person", f"people/{edited().author_github_id}/"),
            ("explorer", "pull-requests/"),
        ):
            yield name, Page(page, f"/a/acme/{path}{address}", days)
        yield name, far_page(address, last, days)
    yield "", one_pull_request()


def far_page(address: str, last: datetime, days: int) -> Page:
    """The explorer's page after ten thousand others; for a quarter, after half of its rows."""
    from apps.metrics.models import PullRequest

    begin = last.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    rows = PullRequest.objects.filter(is_bot=False, state="merged", merged_at__gte=begin)
    ordered = rows.order_by("-merged_at", "-pk").values_list("merged_at", "pk")
    merged_at, pk = ordered[min(500_000, rows.count() // 2)]
    assert merged_at
    text = json.dumps(["merged_at", merged_at.isoformat(), pk])
    after = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    given = {"place": merged_at.isoformat(), "place_id": pk}
    return Page("explorer_far", f"/a/acme/pull-requests/{address}&after={after}", days, given)


def one_pull_request() -> Page:
    """One with many reviews."""
    from apps.metrics.models import PullRequest

    row = PullRequest.objects.filter(reviewer_count__gte=4).select_related("repository").first()
    assert row
    path = f"/a/acme/pull-requests/{row.repository.full_name}/{row.number}/"
    return Page("pull_request", path, 0, {"pull_request": row.pk})


def measure(client: Any, page: Page, last: datetime) -> Found:
    """Page and SQL in turn."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    found = Found()
    complete = page.path + ("&whole=1" if "?" in page.path else "")
    client.get(complete)
    edit()
    with CaptureQueriesContext(connection) as asked:
        client.get(complete)
    found.queries = len(asked)
    for _ in range(ROUNDS):
        edit()
        found.frame.append(timed(client, page.path))
        edit()
        begun = time.process_time()
        found.cold.append(timed(client, complete))
        found.own.append(1000 * (time.process_time() - begun))
        found.warm.append(timed(client, page.path))
        if connection.vendor == "postgresql" and page.statements.exists():
            found.bare.append(bare(page, last))
    return found


@cache
def edited() -> Any:
    """A pull request of a member in the largest repository."""
    from apps.metrics.models import PullRequest

    return PullRequest.objects.filter(author__isnull=False, author_type="User").order_by("pk")[0]


def edit() -> None:
    """Changes a pull request as a sync does."""
    from django.db import transaction
    from django.db.models import F

    from apps.metrics.figures import freshness
    from apps.metrics.models import PullRequest

    with transaction.atomic():
        revision = freshness.changed(edited().repository_id)
        row = PullRequest.objects.filter(pk=edited().pk)
        row.update(comment_count=F("comment_count") + 1, stored_revision=revision)


def arrays() -> None:
    """The time to build them from scratch, and what an edit costs the next page."""
    from apps.metrics.figures import current

    team = edited().team
    current.forget(team.pk)
    begun, own = time.perf_counter(), time.process_time()
    current.current(team)
    passed, own = time.perf_counter() - begun, time.process_time() - own
    print(f"arrays from nothing: {passed:.1f} s, {own:.1f} s of the processor")
    times = []
    for _ in range(10):
        edit()
        begun, own = time.perf_counter(), time.process_time()
        current.current(team)
        times.append((1000 * (time.perf_counter() - begun), 1000 * (time.process_time() - own)))
    passed, own = (statistics.median(column) for column in zip(*times, strict=True))
    print(
        f"arrays after an edit: {passed:.0f} ms, of which {own:.0f} ms of this process's processor"
    )


def readers(path: str, number: int = 20, seconds: float = 20) -> None:
    """Responses a second to concurrent readers, while a pull request is edited each second.

    Each reader is another member, so that none is served a page that was made for another.
    """
    people = [member(f"reader{place}@example.com") for place in range(number)]
    end = time.monotonic() + seconds

    def read(who: Any) -> int:
        client, answers = signed_in(who), 0
        while time.monotonic() < end:
            timed(client, path)
            answers += 1
        return answers

    def change() -> None:
        while time.monotonic() < end:
            edit()
            time.sleep(1)

    with ThreadPoolExecutor(number + 1) as pool:
        pool.submit(change)
        answers = sum(pool.map(read, people))
    print(f"{number} readers at once, an edit a second: {answers / seconds:.1f} answers a second")


def private_memory() -> float:
    """MB of this process that no other shares; the mapped arrays are clean pages that all share."""
    text = Path("/proc/self/smaps_rollup").read_text()
    [kb] = re.findall(r"^Private_Dirty: +(\d+)", text, re.MULTILINE)
    return int(kb) / 1024


def member(email: str) -> Any:
    """A member of the team, made if need be."""
    from apps.teams.models import Membership
    from apps.users.models import User

    found, _ = User.objects.get_or_create(email=email)
    Membership.objects.get_or_create(team=edited().team, user=found)
    return found


def signed_in(who: Any = None) -> Any:
    """A browser of this user, by default the admin."""
    from django.test import Client

    from apps.users.models import User

    client = Client()
    client.force_login(who or User.objects.get(email="alice@example.com"))
    return client


def timed(client: Any, path: str) -> float:
    begun = time.perf_counter()
    response = client.get(path, headers={"Accept": "text/html"})
    assert response.status_code == 200, (path, response.status_code)
    return 1000 * (time.perf_counter() - begun)


def bare(page: Page, last: datetime) -> float:
    """The time of its statements, as psql reports it."""
    from django.conf import settings

    database = settings.DATABASES["default"]
    until = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
    since = until - timedelta(days=page.days)
    variables = {
        "team": 1,
        "since": since.isoformat(),
        "until": until.isoformat(),
        "before": (since - timedelta(days=page.days)).isoformat(),
        "unit": "week" if page.days < 190 else "month",
        **page.given,
    }
    given = [f"--set={name}={value}" for name, value in variables.items()]
    address = f"postgresql://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:"
    address += f"{database['PORT'] or 5432}/{database['NAME']}"
    file = str(page.statements)
    done = subprocess.run(
        ["psql", address, "-XqAt", "-vON_ERROR_STOP=1", *given, "-c", r"\timing on", "-f", file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return sum(float(text) for text in re.findall(r"^Time: ([\d.]+) ms", done.stdout, re.MULTILINE))


def main() -> None:
    from django.conf import settings

    from apps import memory
    from tformance.static_files import collect

    memory.allocate_from_one_place()  # as a web process does
    collect()
    settings.ALLOWED_HOSTS = ["*"]
    settings.CACHES["pages"] = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    client = signed_in()
    client.get("/a/acme/how-we-count/")
    gc.freeze()  # as well
    last = datetime.now(UTC)
    print(f"load {os.getloadavg()[0]:.0f}")
    arrays()
    heads = ("cold", "own", "warm", "SQL", "ratio", "frame", "queries")
    print(f"{'page':31}" + "".join(f"{head:>8}" for head in heads))
    for name, page in pages(last):
        label = f"{page.name} {name}".strip()
        if sys.argv[1:] and not any(wanted in label for wanted in sys.argv[1:]):
            continue
        found = measure(client, page, last)
        cold, own, frame, warm = map(
            statistics.median, (found.cold, found.own, found.frame, found.warm)
        )
        sql = statistics.median(found.bare) if found.bare else float("nan")
        print(
            f"{label:31}{cold:8.0f}{own:8.0f}{warm:8.0f}{sql:8.0f}"
            f"{(cold - warm) / sql:8.2f}{frame:8.0f}{found.queries:8}",
            flush=True,
        )
    if not sys.argv[1:] or "readers" in sys.argv[1:]:
        readers("/a/acme/?whole=1")
    print(f"{private_memory():.0f} MB not shared; load {os.getloadavg()[0]:.0f}")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tformance.settings")
    django.setup()
    main()
