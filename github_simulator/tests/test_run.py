"""The simulator as a program."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from github_simulator.testing import Running, running
from github_simulator.tokens import personal_token

LINE = re.compile(
    r"GitHub simulator at (?P<url>http://\S+), token (?P<token>ghp_\w{36}), "
    r"OAuth app (?P<app>\S+) with secret (?P<secret>\w{40})"
)


@pytest.fixture
def announced() -> Iterator[re.Match[str]]:
    """The output of `python -m github_simulator` at its start."""
    command = [sys.executable, "-m", "github_simulator", "--port=0"]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            found = LINE.match(process.stdout.readline())
            assert found
            yield found
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 0


def test_it_works(announced: re.Match[str]) -> None:
    """One line has everything that a client needs; Ctrl-C ends it quietly."""
    headers = {"Authorization": f"Bearer {announced['token']}"}
    asked = {"query": "{ viewer { login } }"}
    reply = httpx.post(f"{announced['url']}/api/graphql", json=asked, headers=headers, timeout=20)
    assert reply.json()["data"]["viewer"]["login"]


def test_a_token_of_ones_own() -> None:
    with running(personal_token="ghp_mine") as github:
        assert github.token == "ghp_mine"
        headers = {"Authorization": "Bearer ghp_mine"}
        reply = httpx.get(f"{github.url}/api/v3/rate_limit", headers=headers)
    assert reply.headers["x-oauth-scopes"] == "repo, read:org, read:user"


def test_tokens_look_like_github_s_and_stay_the_same() -> None:
    assert re.fullmatch(r"ghp_[0-9A-Za-z]{36}", personal_token(1))
    assert personal_token(1) == personal_token(1)
    assert personal_token(1) != personal_token(2)


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Starts it where it cannot."""
    command = [sys.executable, "-m", "github_simulator", *arguments]
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        command, cwd=root, capture_output=True, text=True, timeout=30, check=False
    )


def test_a_file_that_is_no_recording_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text("[]", encoding="utf-8")
    done = start("--port=0", f"--data={path}")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "is no recording" in done.stderr


def test_a_port_that_is_taken_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = start(f"--port={taken.getsockname()[1]}")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "Address already in use" in done.stderr


def test_a_dropped_connection_leaves_no_error(
    github: Running, caplog: pytest.LogCaptureFixture
) -> None:
    address = urlsplit(github.url)
    head = (
        "POST /api/graphql HTTP/1.1\r\nHost: here\r\nUser-Agent: tests\r\n"
        f"Authorization: Bearer {github.token}\r\nContent-Length: 100\r\n\r\n{{"
    )
    with socket.create_connection((address.hostname, address.port)) as line:
        line.sendall(head.encode())
    ends = time.monotonic() + 10
    while not github.simulator.log.requests and time.monotonic() < ends:
        time.sleep(0.01)
    assert [request.path for request in github.simulator.log.requests] == ["/api/graphql"]
    assert "Exception" not in caplog.text
