"""Deliveries accepted a second, compared with a bare view on the same server in the same run.

`python -m benchmarks.webhooks` needs PostgreSQL; it creates a database of its own.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from apps.integrations.github.signature import sign
from tests.program import ROOT, clean_environment, postgres_database
from tformance.ports import free_port

SECRET = "a secret of the benchmark"
BODY = json.dumps({"action": "opened", "number": 1, "padding": "x" * 8000}).encode()
CLIENTS = 4
SECONDS = 4.0
ROUNDS = 5
RATE = 200  # a second, for the latency


def _prepare() -> None:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from apps.integrations.models import Hook

    call_command("migrate", verbosity=0)
    Hook.objects.create(pk=1, host=settings.GITHUB_URL, github_repo_id=1, hook_id=77, secret=SECRET)


@contextmanager
def _server(folder: Path, database: str) -> Iterator[str]:
    address = f"127.0.0.1:{free_port()}"
    environment = clean_environment(
        DATA_DIR=str(folder), DATABASE_URL=database, PUBLIC_URL=f"http://{address}"
    )
    environment["DJANGO_SETTINGS_MODULE"] = "benchmarks.site_settings"
    prepare = "from benchmarks.webhooks import _prepare; _prepare()"
    subprocess.run([sys.executable, "-c", prepare], cwd=ROOT, env=environment, check=True)
    command = ["gunicorn", "tformance.wsgi", "--bind", address, "--threads", "4", "--workers", "1"]
    server = subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, env=environment)
    try:
        _wait(address)
        yield address
    finally:
        server.terminate()
        server.wait()


def _wait(address: str) -> None:
    for _ in range(300):
        try:
            return http.client.HTTPConnection(address, timeout=1).connect()
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("The server did not start.")


class Client:
    """A client that keeps its connection and counts what was accepted."""

    def __init__(self, address: str, path: str) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(f"//{address}").netloc)
        self.path = path
        self.durations: list[float] = []

    def deliver(self) -> None:
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-GitHub-Hook-ID": "77",
            "X-Hub-Signature-256": sign(SECRET, BODY),
        }
        begun = time.perf_counter()
        self.connection.request("POST", self.path, BODY, headers)
        reply = self.connection.getresponse()
        reply.read()
        self.durations.append(time.perf_counter() - begun)
        assert reply.status == 202, reply.status

    def as_fast_as_possible(self, ends: float) -> None:
        while time.perf_counter() < ends:
            self.deliver()

    def steadily(self, every: float, ends: float) -> None:
        due = time.perf_counter()
        while due < ends:
            time.sleep(max(0.0, due - time.perf_counter()))
            self.deliver()
            due += every


def _run(address: str, path: str, every: float | None) -> list[float]:
    """Seconds that each response took."""
    clients = [Client(address, path) for _ in range(CLIENTS)]
    ends = time.perf_counter() + SECONDS
    work = [
        threading.Thread(
            target=c.as_fast_as_possible if every is None else c.steadily,
            args=(ends,) if every is None else (every, ends),
        )
        for c in clients
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    return [duration for client in clients for duration in client.durations]


def _p99(durations: list[float]) -> float:
    return statistics.quantiles(durations, n=100)[98]


def main() -> None:
    """Prints each round, and the medians of the ratios."""
    ours, bare = "/webhooks/github/", "/bare/"
    rates, tails = [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres_database() as database,
        _server(Path(folder), database) as address,
    ):
        for path in (ours, bare):
            _run(address, path, None)  # to warm up
        for number in range(ROUNDS):
            fast = {path: len(_run(address, path, None)) / SECONDS for path in (ours, bare)}
            tail = {path: _p99(_run(address, path, CLIENTS / RATE)) for path in (ours, bare)}
            rates.append(fast[ours] / fast[bare])
            tails.append(tail[ours] / tail[bare])
            print(
                f"round {number + 1}: {fast[ours]:.0f} accepted a second, bare {fast[bare]:.0f}; "
                f"p99 at {RATE} a second: {1000 * tail[ours]:.1f} ms, "
                f"bare {1000 * tail[bare]:.1f} ms"
            )
    print(f"accepted / bare: {statistics.median(rates):.2f} (goal: at least 0.5)")
    print(f"p99 / bare p99: {statistics.median(tails):.2f} (goal: at most 3)")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tformance.settings")
    main()
