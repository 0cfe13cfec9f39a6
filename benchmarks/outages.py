"""Everything fails in turn while pages are read: `python -m benchmarks.outages [MINUTES]`, as root.

Behind nginx with TLS and PgBouncer: two `web`s, two `worker`s and `schedule`, each with a folder of
its own, on a PostgreSQL and a Redis of their own, on small disks. A process that ends is restarted
after two seconds, as by systemd. Meanwhile pages are read, teams are created, and on a simulated
GitHub pull requests are opened, edited, reviewed, merged and deployed. It prints which reads failed
during which fault, the memory of the parts every ten minutes, and what is wrong in the end: missing
teams whose creation was confirmed, and every stored field that differs from GitHub.
"""

from __future__ import annotations

import os
import random
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import psycopg

from benchmarks.github import Served, world
from benchmarks.outage_site import PAUSE, Site, wait_until
from github_simulator.testing import Running, running

REPOSITORIES, PULL_REQUESTS = 4, 60
PAGES = ("", "pull-requests/", "reviews/", "settings/members/")
CALM = 900.0  # seconds until everything must be consistent in the end


class Visitor:
    """A visitor who reads pages and creates teams, and counts failures by fault."""

    def __init__(self, site: Site) -> None:
        self.fault = "nothing"
        self.reads, self.failed = Counter[str](), Counter[str]()
        self.confirmed: list[str] = []
        self._http = httpx.Client(base_url=site.url, timeout=30, follow_redirects=True)
        self._sign_up()

    def _sign_up(self) -> None:
        given = {"email": "alice@example.com", "password1": "a calm and quiet lake"}
        self._post("/accounts/signup/", given)
        reply = self._post("/teams/new/", {"name": "acme"})
        assert reply.url.path.startswith("/a/acme/"), reply.url

    def _post(self, address: str, given: dict[str, str]) -> httpx.Response:
        page = self._http.get(address)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        proof = {"csrfmiddlewaretoken": token[1] if token else ""}
        headers = {"Origin": str(self._http.base_url).rstrip("/")}
        return self._http.post(address, data={**given, **proof}, headers=headers)

    def visit(self, ends: float) -> None:
        while time.monotonic() < ends:
            for page in PAGES:
                self._read(f"/a/acme/{page}")
            self._make(f"team {len(self.reads)}-{self.reads.total()}")

    def _read(self, address: str) -> None:
        during = self.fault
        self.reads[during] += 1
        try:
            outcome = str(self._http.get(address).status_code)
        except httpx.HTTPError as error:
            outcome = type(error).__name__
        if outcome != "200":
            self.failed[f"{during}: {outcome}"] += 1
        time.sleep(0.2)

    def _make(self, name: str) -> None:
        with suppress(httpx.HTTPError):
            if self._post("/teams/new/", {"name": name}).url.path.startswith("/a/"):
                self.confirmed.append(name)


def work(github: Running, ends: float) -> None:
    """An event on GitHub about once a second; impossible ones are skipped."""
    repositories = list(github.simulator.world.repositories.values())
    acts = ("edit", "edit", "edit", "open", "review", "merge", "deploy")
    while time.monotonic() < ends:
        place = random.choice(repositories)
        pulls = place.pull_requests.values()
        is_open = [each.number for each in pulls if each.state == "OPEN"]
        act, given = random.choice(acts), {"repository": place.full_name, "actor": "ada"}
        if act == "deploy":
            made = github.act("deploy", **given, ref="main")
            deployed = {**given, "deployment": made["id"], "state": "SUCCESS"}
            github.act("set_deployment_status", **deployed)
        elif act == "open":
            github.act("open", **given, title=str(time.time()))
        elif act == "merge":
            for number in is_open[:1]:
                github.act("merge", **given, number=number)
        else:
            more = {"title": str(time.time())} if act == "edit" else {"state": "COMMENTED"}
            github.act(act, **given, number=random.randint(1, len(pulls)), **more)
        time.sleep(1)


def connect(github: Running) -> None:
    """The visitor's team tracks every repository; the workers do the rest."""
    import django

    django.setup()
    from apps.teams.models import Team
    from benchmarks.freshness import connected

    places = github.simulator.world.repositories.values()
    known = [(each.id, each.node_id, each.full_name) for each in places]
    team = Team.objects.get(slug="acme")
    connected(team, Served(github.url, github.token, known))


def missing(site: Site, visitor: Visitor) -> list[str]:
    """Teams that are missing although their creation was confirmed."""
    with psycopg.connect(site.direct) as database:
        names = {name for (name,) in database.execute("SELECT name FROM teams_team")}
    return [name for name in visitor.confirmed if name not in names]


def differences(site: Site) -> list[str]:
    """Every stored field that differs from GitHub, or from what is derived from it."""
    from django.db import connection

    from apps.integrations.tests import comparison, delivered
    from apps.metrics.models import Repository
    from github_simulator.truth import truth

    connection.close()
    found: list[str] = []
    for place in site.github.simulator.world.repositories.values():
        mine = Repository.objects.get(github_repo_id=place.id)
        found += comparison.differences(mine, truth(place)) + delivered.differences(mine, place)
    return found


def run(minutes: float) -> int:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        github = stack.enter_context(running(world([PULL_REQUESTS] * REPOSITORIES)))
        limits = github.simulator.limits
        limits.maximum = limits.per_minute = {"core": 10**9, "graphql": 10**9}
        site = Site(folder, stack, github)
        visitor = Visitor(site)
        os.environ.update(site.settings, DJANGO_SETTINGS_MODULE="tformance.settings")
        connect(github)
        ends = time.monotonic() + 60 * minutes
        wait_until(lambda: not differences(site), CALM)
        for each, given in ((visitor.visit, (ends,)), (work, (github, ends))):
            threading.Thread(target=each, args=given, daemon=True).start()
        done, reported_at = Counter[str](), float("-inf")
        for name, cause in site.faults():
            if time.monotonic() > ends:
                break
            if time.monotonic() > reported_at + 600:
                print(f"{time.strftime('%H:%M')}: {site.memory()}", flush=True)
                reported_at = time.monotonic()
            visitor.fault = name
            cause()
            done[name] += 1
            time.sleep(PAUSE)
        visitor.fault = "nothing"
        return report(site, visitor, done)


def report(site: Site, visitor: Visitor, done: Counter[str]) -> int:
    """Prints the counts; 1 if anything was lost."""
    for name, times in done.items():
        print(f"{times} × {name}: {visitor.reads[name]} reads")
    for what, times in sorted(visitor.failed.items()):
        print(f"  failed, {what}: {times}")
    lost = missing(site, visitor)
    print(f"{len(visitor.confirmed)} teams were created, {len(lost)} are missing.")
    began = time.monotonic()
    with suppress(TimeoutError):
        wait_until(lambda: not differences(site), CALM)
    took = time.monotonic() - began
    places = site.github.simulator.world.repositories.values()
    pulls, deployed = (
        sum(len(getattr(place, name)) for place in places)
        for name in ("pull_requests", "deployments")
    )
    wrong = differences(site)
    print(
        f"{pulls} pull requests, {deployed} deployments, {took:.0f} s later: {len(wrong)} differ."
    )
    print("".join(f"  {each}\n" for each in wrong[:20]), end="")
    print(f"{time.strftime('%H:%M')}: {site.memory()}")
    return 1 if lost or wrong else 0


if __name__ == "__main__":
    raise SystemExit(run(float(sys.argv[1]) if len(sys.argv) > 1 else 10))
