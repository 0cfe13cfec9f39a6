"""A saved world continues where it stopped, however it was stopped."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import httpx

from tformance.ports import free_port


@contextmanager
def simulator(kept: Path, stop: signal.Signals) -> Iterator[httpx.Client]:
    """A simulator in its own process, and a client for it; it ends by this signal."""
    port = free_port()
    command = [sys.executable, "-m", "github_simulator", f"--keep={kept}", f"--port={port}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        match = re.search(r"token (\w+),", process.stdout.readline())
        assert match
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}/api/v3",
            headers={"Authorization": f"Bearer {match[1]}", "User-Agent": "tests"},
        )
        wait(client)
        yield client
    finally:
        process.send_signal(stop)
        process.wait(20)


def wait(client: httpx.Client) -> None:
    deadline = monotonic() + 60
    while monotonic() < deadline:
        try:
            client.get("/rate_limit")
        except httpx.ConnectError:
            sleep(0.05)
        else:
            return
    raise TimeoutError("The simulator does not answer.")


def pulls(client: httpx.Client) -> object:
    reply = client.get("/repos/acme/web/pulls", params={"state": "all", "per_page": 100})
    assert reply.status_code == 200
    return [(pr["id"], pr["title"], pr["created_at"]) for pr in reply.json()]


def test_it_works(tmp_path: Path) -> None:
    kept = tmp_path / "world"
    with simulator(kept, signal.SIGINT) as client:
        before = pulls(client)
        made = [_hook(client, "https://example.com/hook")]
    assert kept.stat().st_mode & 0o777 == 0o600
    with simulator(kept, signal.SIGTERM) as client:
        assert pulls(client) == before
        assert _hooks(client) == made
        made.append(_hook(client, "https://example.com/other"))
    with simulator(kept, signal.SIGTERM) as client:
        assert pulls(client) == before
        assert _hooks(client) == made


def _hook(client: httpx.Client, url: str) -> int:
    config = {"url": url, "content_type": "json", "secret": "s"}
    hook = {"name": "web", "events": ["pull_request"], "config": config}
    made = client.post("/repos/acme/web/hooks", json=hook)
    assert made.status_code == 201
    return int(made.json()["id"])


def _hooks(client: httpx.Client) -> list[int]:
    return [hook["id"] for hook in client.get("/repos/acme/web/hooks").json()]


def test_a_corrupt_file_starts_a_new_world(tmp_path: Path) -> None:
    (tmp_path / "world").write_bytes(b"nothing")
    with simulator(tmp_path / "world", signal.SIGTERM) as client:
        assert pulls(client)
