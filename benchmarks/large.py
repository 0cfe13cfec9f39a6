"""A GitHub with one repository of any size, too large for the simulator.

One pull request is requested from the simulator; its response is served again and again, each time
with other numbers, ids, SHAs and times.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any

import httpx

from apps.integrations.github import limits
from apps.integrations.github.documents import document
from benchmarks.github import Served, world
from github_simulator.testing import running

APART = timedelta(minutes=30)
HOUR = {"limit": 10**9, "remaining": 10**9, "resetAt": "2100-01-01T00:00:00Z"}


@contextmanager
def serve(count: int) -> Iterator[Served]:
    """A repository with this many pull requests, in a process of its own."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=_serve, args=(theirs, count), daemon=True
    )
    process.start()
    yield Served(*ours.recv())
    process.terminate()
    process.join(10)


def _serve(pipe: Connection, count: int) -> None:
    github = _Large(_one(), count)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"github": github}))
    there = github.repository
    known = [(there["databaseId"], there["id"], there["nameWithOwner"])]
    pipe.send((f"http://127.0.0.1:{server.server_port}", "token", known))
    server.serve_forever()


def _one() -> dict[str, Any]:
    """A repository with one pull request, as the simulator returns it."""
    variables = {"owner": "acme", "name": "service-0", "first": 1, "after": None}
    with running(world([1])) as github:
        reply = httpx.post(
            f"{github.url}/api/graphql",
            json={"query": document("pull_requests"), "variables": variables},
            headers={"Authorization": f"Bearer {github.token}"},
        )
    return dict(reply.json()["data"]["repository"])


class _Large:
    """A server that counts its requests, as GitHub would."""

    def __init__(self, repository: dict[str, Any], count: int) -> None:
        self.repository, self.count = repository, count
        self.one = repository["pullRequests"]["nodes"][0]
        self.reset()

    def reset(self) -> None:
        self.stats: dict[str, float] = {"requests": 0, "points": 0, "seconds": 0}
        self.begun = 0.0

    def answer(self, variables: dict[str, Any]) -> dict[str, Any]:
        first, begin = variables["first"], int(variables["after"] or 0)
        end = min(begin + first, self.count)
        cost = limits.points(1 + 4 * first)
        self.stats["requests"] += 1
        self.stats["points"] += cost
        page = {
            "totalCount": self.count,
            "pageInfo": {"hasNextPage": end < self.count, "endCursor": str(end)},
            "nodes": [_another(self.one, self.count - age, age) for age in range(begin, end)],
        }
        return {
            "rateLimit": {"cost": cost, **HOUR},
            "repository": {**self.repository, "pullRequests": page},
        }


def _another(one: Any, number: int, age: int, key: str = "") -> Any:
    """A pull request like this one, with its number and the number of newer ones."""
    if isinstance(one, dict):
        return {name: _another(value, number, age, name) for name, value in one.items()}
    if isinstance(one, list):
        return [_another(value, number, age) for value in one]
    if one is None:
        return None
    if key == "id":
        return f"{one}{number}"
    if key == "oid":
        return f"{number:08x}{one[8:]}"
    if key == "fullDatabaseId":
        return str(int(one) + 100 * number)
    if key == "number":
        return number
    if key == "url":
        return f"{one.rpartition('/')[0]}/{number}"
    if key.endswith(("At", "Date")):
        return (datetime.fromisoformat(one) - APART * age).strftime("%Y-%m-%dT%H:%M:%SZ")
    return one


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    github: _Large

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path.endswith("/reset"):
            self.github.reset()
            return self._say({})
        self.github.begun = self.github.begun or time.perf_counter()
        self._say({"data": self.github.answer(json.loads(body)["variables"])})
        self.github.stats["seconds"] = time.perf_counter() - self.github.begun
        return None

    def do_GET(self) -> None:
        self._say(self.github.stats)

    def _say(self, payload: dict[str, Any]) -> None:
        body = json.dumps(payload).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Logs nothing."""
