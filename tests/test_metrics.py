"""`/metrics`, as Prometheus requests it."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from apps.measures import TASKS
from apps.teams.models import Team
from apps.users.models import User
from tests.absence import absent
from tests.program import ROOT, clean_environment
from tests.two_teams import belongings
from tformance import metrics_server
from tformance.ports import free_port

pytestmark = pytest.mark.django_db
TOKEN = "only-prometheus-knows"


@pytest.fixture(autouse=True)
def _a_token(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN


def ask(token: str = TOKEN) -> Any:
    return Client().get("/metrics", headers={"authorization": f"Bearer {token}"})


def test_it_works(team: Team, bob: User) -> None:
    belongings(team, bob, 1_000)
    reply = ask()
    assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(reply.content.decode())
        for sample in family.samples
    }
    assert found["tformance_repositories", "pending"] == 2
    assert found["tformance_organizations", "pending"] == 1
    assert found["tformance_deliveries", "failed"] == 1
    assert found["tformance_sync_runs_unfinished",] == 1
    assert found["tformance_stale_pull_requests",] == 0


def test_no_metric_names_a_team(team: Team, bob: User) -> None:
    acme = belongings(team, bob, 1_000)
    assert acme.mark not in ask().content.decode()


def test_without_the_token_nothing_is_shown() -> None:
    assert ask("").status_code == ask("é").status_code == ask(TOKEN[:-1]).status_code == 401
    assert Client().get("/metrics").status_code == 401


def test_without_a_token_set_it_is_not_found(settings: Settings) -> None:
    settings.METRICS_TOKEN = ""
    assert ask("").status_code == 404


def samples() -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(ask().content.decode())
        for sample in family.samples
    }


def test_what_happens_is_counted(alice_client: Client, team: Team) -> None:
    """Pages by their view, deliveries by our response; a team's URL is in neither."""
    page, hook = ("GET", "200", "team_members"), ("401",)
    before = samples()
    alice_client.get("/a/acme/settings/members/")
    alice_client.get("/a/acme/nowhere/", headers={"host": "localhost"})
    Client().post("/webhooks/github/", b"{}", content_type="application/json")
    after = samples()
    for name, labels in (
        ("tformance_request_seconds_count", page),
        ("tformance_request_seconds_count", ("GET", "404", "none")),
        ("tformance_deliveries_received_total", hook),
    ):
        assert after[name, *labels] == before.get((name, *labels), 0) + 1
    assert "acme" not in ask().content.decode()


def test_prometheus_may_ask_by_address() -> None:
    wanted = {"authorization": f"Bearer {TOKEN}", "host": "10.0.0.7:8000"}
    assert Client().get("/metrics", headers=wanted).status_code == 200


def test_a_machine_without_pages_serves_its_counters() -> None:
    """At an address of its own, with the same token; without what the database holds."""
    port = free_port()
    metrics_server.begin("127.0.0.1", port)
    TASKS.labels("look_for_due_work", "success").observe(1)
    address, wanted = f"http://127.0.0.1:{port}", {"authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=address, headers=wanted) as prometheus:
        answer = prometheus.get("/metrics")
        assert prometheus.get("/").status_code == 404
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'tformance_task_seconds_count{outcome="success",task="look_for_due_work"}' in answer.text
    assert "tformance_info" not in answer.text
    assert httpx.get(f"{address}/metrics").status_code == 401


def test_silent_clients_take_a_few_threads_at_most() -> None:
    port = free_port()
    metrics_server.begin("127.0.0.1", port)
    with ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=3))
            for _ in range(100)
        ]
        address, wanted = f"http://127.0.0.1:{port}", {"authorization": f"Bearer {TOKEN}"}
        assert httpx.get(f"{address}/metrics", headers=wanted).status_code == 200
        assert {each.recv(1) for each in silent[:80]} == {b""}, "their threads have ended"


def test_a_taken_address_ends_no_worker(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        metrics_server.begin(*taken.getsockname())
    assert "METRICS_ADDRESS" in caplog.text


COUNTING = """
from apps.measures import REQUESTS
for number in range(400):
    REQUESTS.labels(f"view-{number}", "GET", "200").observe(0.1)
print("counted")
"""


def test_where_no_room_is_left_processes_go_on(tmp_path: Path) -> None:
    """None may write more than 16 KB into a file, less than a counter file begins with."""
    counted = subprocess.run(
        ["bash", "-c", 'ulimit -f 16; exec "$@"', "bash", sys.executable, "-c", COUNTING],
        cwd=ROOT,
        env=clean_environment(PROMETHEUS_MULTIPROC_DIR=str(tmp_path)),
        capture_output=True,
        text=True,
    )
    assert counted.stdout == "counted\n", counted.stderr
    assert "they stay in memory" in counted.stderr


def test_alerts_use_existing_series(team: Team, bob: User) -> None:
    """promtool accepts the rules, and each series in them is one of ours."""
    belongings(team, bob, 1_000)
    rules, config = ROOT / "deploy/prometheus-rules.yml", ROOT / "deploy/prometheus.yml"
    tool = shutil.which("promtool") or absent("no promtool; `apt install prometheus`")
    for command in (["rules", str(rules)], ["config", "--syntax-only", str(config)]):
        checked = subprocess.run([tool, "check", *command], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr
    [job] = yaml.safe_load(config.read_text())["scrape_configs"]
    assert f'up{{job="{job["job_name"]}"}}' in rules.read_text()
    named = set(re.findall(r"\btformance_\w+", rules.read_text()))
    exposed = {family.name for family in text_string_to_metric_families(ask().content.decode())}
    exposed |= {"tformance_worker_heartbeat_age_seconds", "tformance_github_budget_remaining"}
    endings = r"_(count|bucket|total|sum)$"
    assert {re.sub(endings, "", name) for name in named} <= exposed
