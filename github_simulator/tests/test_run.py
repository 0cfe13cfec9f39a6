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

import httpx
import pytest

from github_simulator.testing import running
from github_simulator.tokens import personal_token

LINE = re.compile(
    r"GitHub simulator at (?P<url>http://\S+), token (?P<token>ghp_\w{36}), "
    r"OAuth app (?P<app>\S+) with secret (?P<secret>\w{40})"
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@pytest.fixture
def announced() -> Iterator[re.Match[str]]:
    """What `python -m github_simulator` says when it starts."""
    command = [sys.executable, "-m", "github_simulator", f"--port={free_port()}"]
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
    """One line says all that a client needs; Ctrl-C ends it quietly."""
    headers = {"Authorization": f"Bearer {announced['token']}"}
    answer = until_up(f"{announced['url']}/api/graphql", headers)
    assert answer["data"]["viewer"]["login"]


def until_up(url: str, headers: dict[str, str]) -> dict[str, dict[str, dict[str, str]]]:
    for _ in range(100):
        try:
            reply = httpx.post(url, json={"query": "{ viewer { login } }"}, headers=headers)
        except httpx.ConnectError:
            time.sleep(0.1)
        else:
            answer: dict[str, dict[str, dict[str, str]]] = reply.json()
            return answer
    raise AssertionError("The simulator did not come up.")


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
