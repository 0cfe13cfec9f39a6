"""Other programs that read pull requests from GitHub, for comparison: `python -m benchmarks.peers`.

The published version of each is installed into an environment of its own and run against the
simulator, in turn with ours. What each stores is counted in its own output.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.__main__ import measure
from benchmarks.github import Served, serve
from benchmarks.measures import LATENCY
from tests.chaos.__main__ import databases
from tests.program import ROOT

FOLDER = ROOT / "var" / "peers"
LONGEST = 600  # seconds
# Some URLs are fixed in the peers' code, and an Enterprise Server has GraphQL elsewhere.
REDIRECT = """
import os, requests
send = requests.Session.send
def redirected(session, request, **options):
    url = request.url.replace("https://api.github.com", os.environ["PEER_API"])
    request.url = url.replace("/api/v3/graphql", "/api/graphql")
    return send(session, request, **options)
requests.Session.send = redirected
"""


@dataclass(frozen=True)
class Peer:
    """A program, how to run it in a folder, and how to count its rows."""

    package: str
    lacks: str
    command: Callable[[Served, Path, Path], list[str]]
    kinds: Callable[[Path], Iterator[str]]


def _perceval(github: Served, programs: Path, _: Path) -> list[str]:
    chosen = ["github", "acme", "service-0", "--category", "pull_request", "--json-line"]
    return [
        str(programs / "perceval"),
        *chosen,
        *("-t", github.token, "--enterprise-url", github.url),
    ]


def _rows_of_perceval(output: Path) -> Iterator[str]:
    for line in output.read_text().splitlines():
        if line.startswith("{"):
            data = json.loads(line)["data"]
            yield "pull_requests"
            yield from ["reviews"] * len(data["reviews_data"])
            yield from ["commits"] * len(data["commits_data"])


def _airbyte(github: Served, programs: Path, folder: Path) -> list[str]:
    config = {
        "repositories": ["acme/service-0"],
        "credentials": {
            "option_title": "PAT Credentials",
            "personal_access_token": github.token,
        },
        "api_url": f"{github.url}/api/v3/",
    }
    _write(folder / "config.json", config)
    program, given = str(programs / "source-github"), ["--config", str(folder / "config.json")]
    found = json.loads(_only(_output([program, "discover", *given], github), '"type":"CATALOG"'))
    wanted = ("pull_requests", "pull_request_stats", "pull_request_commits", "reviews")
    streams = [
        {"stream": one, "sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}
        for one in found["catalog"]["streams"]
        if one["name"] in wanted
    ]
    _write(folder / "catalog.json", {"streams": streams})
    return [program, "read", *given, "--catalog", str(folder / "catalog.json")]


def _tap(github: Served, programs: Path, folder: Path) -> list[str]:
    config = {
        "repositories": ["acme/service-0"],
        "auth_token": github.token,
        "api_url_base": f"{github.url}/api/v3",
        "start_date": "2000-01-01T00:00:00Z",
    }
    _write(folder / "config.json", config)
    program, given = str(programs / "tap-github"), ["--config", str(folder / "config.json")]
    catalog = json.loads(_output([program, *given, "--discover"], github))
    for stream in catalog["streams"]:
        wanted = stream["stream"] in ("pull_requests", "pull_request_commits", "reviews")
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = wanted
    _write(folder / "catalog.json", catalog)
    return [program, *given, "--catalog", str(folder / "catalog.json")]


def _rows_by(pattern: str) -> Callable[[Path], Iterator[str]]:
    def kinds(output: Path) -> Iterator[str]:
        for line in output.read_text().splitlines():
            if found := re.search(pattern, line):
                yield found[1].removeprefix("pull_request_")

    return kinds


PEERS = (
    Peer("perceval==1.6.1", "timeline", _perceval, _rows_of_perceval),
    Peer(
        "airbyte-source-github==2.7.1",
        "timeline, sizes of commits",
        _airbyte,
        _rows_by(r'"type":"RECORD","record":{"stream":"(\w+)"'),
    ),
    Peer(
        "meltanolabs-tap-github==1.30.1",
        "timeline, sizes of pull requests and commits",
        _tap,
        _rows_by(r'"type": ?"RECORD", ?"stream": ?"(\w+)"'),
    ),
)


def run(peer: Peer, count: int) -> dict[str, Any]:
    """The history of one repository by a peer, as counted by the simulator."""
    programs = _installed(peer)
    with tempfile.TemporaryDirectory() as name, serve([count], **LATENCY) as github:
        folder = Path(name)
        command = peer.command(github, programs, folder)
        github.reset()
        output = folder / "output"
        with output.open("w") as into:
            subprocess.run(
                command,
                check=True,
                stdout=into,
                stderr=subprocess.DEVNULL,
                timeout=LONGEST,
                env=_environment(github, programs),
                cwd=folder,
            )
        stats = github.stats()
        stored = list(peer.kinds(output))
        assert stored.count("pull_requests") == count, f"{peer.package} has not stored them all"
    return {
        "requests": stats["requests"],
        "points": stats["points"],
        "seconds": stats["seconds"],
        "reviews": stored.count("reviews"),
        "commits": stored.count("commits"),
    }


def _installed(peer: Peer) -> Path:
    folder = FOLDER / peer.package
    programs = folder / "bin"
    done = folder / "installed"
    if not done.exists():
        venv.create(folder, clear=True, with_pip=True)
        pip = [str(programs / "python"), "-m", "pip", "install", "-qq", peer.package]
        subprocess.run(pip, check=True)
        (folder / "redirect").mkdir()
        (folder / "redirect" / "sitecustomize.py").write_text(REDIRECT)
        done.touch()
    return programs


def _environment(github: Served, programs: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(programs.parent),
        "PEER_API": f"{github.url}/api/v3",
        "PYTHONPATH": str(programs.parent / "redirect"),
    }


def _output(command: list[str], github: Served) -> str:
    environment = _environment(github, Path(command[0]).parent)
    done = subprocess.run(
        command, check=True, env=environment, timeout=LONGEST, capture_output=True, text=True
    )
    return done.stdout


def _only(output: str, part: str) -> str:
    return next(line for line in output.splitlines() if part in line)


def _write(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data))


def _ours(count: int) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory() as name,
        databases("postgresql", Path(name)) as new,
        new() as one,
        new() as two,
    ):
        found = measure("backfill", count, (one, two), Path(name))
    return {**found, "seconds": found["seconds_on_github"]}


def main() -> None:
    count, rounds = int((sys.argv[1:] or ["250"])[0]), int((sys.argv[2:] or ["3"])[0])
    found: dict[str, list[dict[str, Any]]] = {}
    for number in range(1, rounds + 1):
        for name, measured in (
            ("tformance", partial(_ours, count)),
            *((peer.package, partial(run, peer, count)) for peer in PEERS),
        ):
            found.setdefault(name, []).append(measured())
            print(f"round {number}: {name} {found[name][-1]}", flush=True)
    ours = statistics.median(one["seconds"] for one in found["tformance"])
    for name, results in found.items():
        seconds = statistics.median(one["seconds"] for one in results)
        last = results[-1]
        print(
            f"{name:32} {last['requests']:5} requests {last['points']:4} points"
            f" {seconds:7.2f} s, {seconds / ours:5.1f} times ours"
        )


if __name__ == "__main__":
    main()
