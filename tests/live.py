"""`python -m tests.live`: connect, sync and webhooks with the GitHub that the environment names.

Never part of the test suite: it needs a real GitHub, a token, and for webhooks a URL that GitHub
reaches. It changes nothing there but the webhook, which it deletes again. Exit codes: 0 everything
held, 1 something did not, 2 something is missing.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.program import Program, free_address, on_one_machine

NEEDS = """tests.live needs:
  GITHUB_TOKEN       a personal access token: classic with read:org, repo and read:user, or
                     fine-grained with read access to the repository's contents and pull requests
  LIVE_REPOSITORY    owner/name of a repository that it can read; some hundred pull requests at most
  GITHUB_URL         for a GitHub Enterprise Server; https://github.com where it is not set
and for webhooks also:
  PUBLIC_URL         an address that GitHub reaches, led here by a tunnel or a proxy
  LIVE_BIND          where the program listens for it, such as 127.0.0.1:8000
"""
LONGEST = 900  # seconds that a history may take
PASSWORD = "a calm and quiet lake"
TEAM = "/a/live/integrations"


class NotHeldError(Exception):
    """Something is not as it must be."""


@dataclass
class Visitor:
    """An admin's program: a session and its CSRF token."""

    http: httpx.Client

    def get(self, path: str) -> Any:
        reply = self.http.get(path, headers={"Accept": "application/json"})
        return _good(reply).json()

    def send(self, method: str, path: str, **given: Any) -> httpx.Response:
        headers = {
            "Accept": "application/json",
            "X-CSRFToken": self.http.cookies.get("tformance_csrf") or "",
            "Referer": f"{self.http.base_url}/",
        }
        return _good(self.http.request(method, path, headers=headers, **given))


def _good(reply: httpx.Response) -> httpx.Response:
    if reply.status_code >= 400:
        raise NotHeldError(f"{reply.request.method} {reply.request.url.path}: {reply.text[:500]}")
    return reply


def run(program: Program, given: Mapping[str, str], *, with_hooks: bool) -> None:
    """The whole journey. Raises NotHeldError."""
    with httpx.Client(base_url=program.url, timeout=60, follow_redirects=True) as http:
        visitor = Visitor(http)
        _sign_up(visitor)
        _say("connect", _connect(visitor, given))
        _say("sync", _sync(visitor, given["LIVE_REPOSITORY"]))
        if with_hooks:
            _say("webhook", _hook(visitor))
        _say("audit", _audit(program))
        visitor.send("DELETE", f"{TEAM}/github/disconnect/")
        _say("disconnect", "done")


def _sign_up(visitor: Visitor) -> None:
    visitor.http.get("/accounts/signup/")
    form = {"email": "live@example.com", "password1": PASSWORD}
    visitor.send("POST", "/accounts/signup/", data=form)
    visitor.http.get("/teams/new/")
    visitor.send("POST", "/teams/new/", data={"name": "Live"})


def _connect(visitor: Visitor, given: Mapping[str, str]) -> str:
    owner = given["LIVE_REPOSITORY"].partition("/")[0]
    pasted = {"token": given["GITHUB_TOKEN"], "organization": owner}
    visitor.send("POST", f"{TEAM}/github/token/", data=pasted)
    [connected] = visitor.get(f"{TEAM}/")["github"]["organizations"]
    if connected["slug"].lower() != owner.lower():
        raise NotHeldError(f"connected to {connected['slug']} in place of {owner}")
    return f"to {connected['slug']}"


def _sync(visitor: Visitor, name: str) -> str:
    page = f"{TEAM}/github/repos/"

    def is_listed() -> bool:
        found = visitor.get(f"{page}?q={name}")["repositories"]
        return any(row["full_name"].lower() == name.lower() for row in found)

    def status() -> Any:
        return visitor.get(f"{TEAM}/github/sync/status/")

    _wait(is_listed, f"{name} is not among the repositories")
    visitor.send("POST", page, json={"repositories": [name]})
    _wait(lambda: status()["status"] in ("complete", "error"), "the sync did not end")
    [row] = status()["repositories"]
    if row["status"] != "complete":
        raise NotHeldError(f"the sync ended with: {row['error']}")
    return f"{row['pull_requests_done']} pull requests for {row['points']} points"


def _hook(visitor: Visitor) -> str:
    def counts() -> Any:
        return visitor.get(f"{TEAM}/github/webhooks/")["deliveries"]

    _wait(lambda: counts().get("handled"), "GitHub's ping did not come", 120)
    if counts().get("failed"):
        raise NotHeldError("a delivery failed")
    return f"{sum(counts().values())} deliveries"


def _audit(program: Program) -> str:
    done = program.run("audit", "--sample", "25")
    if done.returncode:
        raise NotHeldError(f"differs from GitHub:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def _wait(condition: Callable[[], Any], otherwise: str, longest: float = LONGEST) -> None:
    deadline = time.monotonic() + longest
    while not condition():
        if time.monotonic() > deadline:
            raise NotHeldError(f"{otherwise} within {longest:.0f} seconds")
        time.sleep(1)


def _say(what: str, result: str) -> None:
    sys.stdout.write(f"{what}: {result}\n")
    sys.stdout.flush()


def main(given: Mapping[str, str]) -> int:
    """Starts a program in a folder of its own, and makes the whole journey."""
    if not given.get("GITHUB_TOKEN") or "/" not in given.get("LIVE_REPOSITORY", ""):
        sys.stderr.write(NEEDS)
        return 2
    url, bind = given.get("PUBLIC_URL", ""), given.get("LIVE_BIND", "")
    if not url:
        sys.stdout.write("Without PUBLIC_URL and LIVE_BIND, webhooks are left out.\n")
    options = ("--bind", bind) if bind else ()
    settings = {"GITHUB_URL": given.get("GITHUB_URL") or "https://github.com"}
    with tempfile.TemporaryDirectory() as folder:
        try:
            with on_one_machine(
                Path(folder), url or free_address(), *options, **settings
            ) as program:
                run(program, given, with_hooks=bool(url))
        except (NotHeldError, TimeoutError) as error:
            sys.stderr.write(f"tests.live: {error}\n")
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(os.environ))
