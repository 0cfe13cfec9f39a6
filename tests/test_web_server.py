"""The bundled web server, without a proxy before it: slow clients, and reloads under load."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.program import DATABASE, ROOT, START, clean_environment, free_address, prepared, procfile

PATIENCE = 60  # seconds: a server that waits for its clients would keep others waiting forever
HOST = b"Host: 127.0.0.1\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
SLOW = {
    "nothing": b"",
    "headers": b"GET / HTTP/1.1\r\n" + HOST + b"X-Begun: and never",
    "body of a form": b"POST /accounts/login/ HTTP/1.1\r\n"
    + (HOST + FORM + b"Content-Length: 1000\r\n\r\na"),
    "body of a webhook": b"POST /webhooks/github/ HTTP/1.1\r\n"
    + (HOST + b"Content-Type: application/json\r\nContent-Length: 9000000\r\n\r\n{"),
    "chunk": b"POST /webhooks/github/ HTTP/1.1\r\n"
    + (HOST + b"Transfer-Encoding: chunked\r\n\r\nff\r\n{"),
    "promise": b"POST /webhooks/github/ HTTP/1.1\r\n"
    + (HOST + b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n"),
    "answer not read": b"GET /accounts/login/ HTTP/1.1\r\n" + HOST + b"\r\n",
}


@dataclass(frozen=True)
class Web:
    """A running web part."""

    address: str
    process: subprocess.Popen[bytes]
    log: Path

    def ask(self, path: str = "/accounts/login/", **headers: str) -> int:
        """The response's status on a new connection."""
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        try:
            connection.request("GET", path, headers=headers)
            reply = connection.getresponse()
            reply.read()
            return reply.status
        finally:
            connection.close()

    def begin(self, sent: bytes) -> socket.socket:
        """A client that sends this and then stops."""
        host, _, port = self.address.partition(":")
        client = socket.create_connection((host, int(port)), timeout=PATIENCE)
        client.sendall(sent)
        return client


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web")
    shutil.copy(prepared() / DATABASE, folder)
    return folder


@pytest.fixture(scope="module")
def web(folder: Path) -> Iterator[Web]:
    with serving(folder) as web:
        yield web


@contextmanager
def serving(folder: Path, files: int = 1024) -> Iterator[Web]:
    """The command of deploy/Procfile, in one process that may open so many files."""
    url = free_address()
    address = urlsplit(url).netloc
    settings = {"DATA_DIR": str(folder), "PUBLIC_URL": url, "BIND": address, "DEBUG": "1"}
    environment = clean_environment(**settings, WEB_PROCESSES="1")
    log = folder / "web.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            ["bash", "-c", f"ulimit -n {files}; exec {procfile()['web']}"],
            cwd=ROOT,
            env=environment,
            stdout=out,
            stderr=out,
        )
    try:
        web = Web(address, process, log)
        _wait(web)
        yield web
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _wait(web: Web) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and web.process.poll() is None:
        try:
            web.ask("/health/live")
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(web.log.read_text()[-2000:])


def test_it_works(web: Web) -> None:
    assert web.ask() == 200
    assert web.ask("/static/tformance/none.css") == 404


@pytest.mark.parametrize("kind", SLOW)
def test_slow_clients_stop_nobody(web: Web, kind: str) -> None:
    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(web.begin(SLOW[kind]))
        assert [web.ask() for _ in range(3)] == [200] * 3


def test_slow_clients_of_all_kinds_together(web: Web) -> None:
    with ExitStack() as stack:
        for sent in [*SLOW.values()] * 30:
            stack.enter_context(web.begin(sent))
        assert [web.ask() for _ in range(3)] == [200] * 3


def test_headers_are_bounded(web: Web) -> None:
    many = (b"Origin: " + b"a" * 8_000 + b"\r\n") * 60
    with web.begin(b"POST / HTTP/1.1\r\n" + HOST + many[:70_000]) as client:
        assert b" 431 " in client.recv(100)
    with web.begin(b"POST / HTTP/1.1\r\n" + HOST) as client, suppress(ConnectionError):
        client.sendall(many + b"\r\n")
    assert web.ask() == 200


def test_each_header_and_the_query_is_bounded(web: Web) -> None:
    for name in ("Accept", "Content-Type", "If-None-Match", "Cookie", "X-Nobody-Knows-It"):
        assert web.ask("/health/live", **{name: "a/b," * 2_000}) == 200, name
        assert web.ask("/health/live", **{name: "a/b," * 2_001}) == 431, name
    for name in ("Accept", "Accept-Encoding"):
        together = (f"{name}: {'a/b,' * 1_001}\r\n" * 2).encode()
        with web.begin(b"GET /health/live HTTP/1.1\r\n" + HOST + together + b"\r\n") as client:
            assert b" 431 " in client.recv(100)
    assert web.ask(f"/health/live?{'a=1&' * 2_000}") == 200
    assert web.ask(f"/health/live?{'a=1&' * 2_001}") == 414


def test_bodies_are_bounded(web: Web) -> None:
    long = b"POST /webhooks/github/ HTTP/1.1\r\n" + HOST + b"Content-Length: 99000000\r\n\r\n"
    with web.begin(long) as client:
        assert b" 413 " in client.recv(100)


def test_a_reload_loses_no_request(folder: Path) -> None:
    with serving(folder) as web:
        answers: list[object] = []
        clients = [threading.Thread(target=_asking, args=(web, answers, kept)) for kept in (0, 1)]
        for client in clients:
            client.start()
        for _ in range(2):
            before = _workers(web)
            os.kill(web.process.pid, signal.SIGHUP)
            deadline = time.monotonic() + START
            while before & _workers(web) or len(answers) < 20:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        answers.append(None)
        for client in clients:
            client.join()
    answers.remove(None)
    assert set(answers) == {200}


def _asking(web: Web, answers: list[object], is_kept: bool) -> None:
    """Twenty requests a second in both ways: each on a new connection, or all on one."""
    connection = http.client.HTTPConnection(web.address, timeout=PATIENCE)
    while None not in answers:
        try:
            connection.request("GET", "/health/ready")
            reply = connection.getresponse()
            reply.read()
            answers.append(reply.status)
        except (OSError, http.client.HTTPException) as error:
            answers.append(repr(error))
        if not is_kept:
            connection.close()
        time.sleep(0.1)
    connection.close()


def _workers(web: Web) -> set[int]:
    found = Path(f"/proc/{web.process.pid}/task/{web.process.pid}/children").read_text()
    return {int(pid) for pid in found.split()}


def test_open_requests_are_answered_before_the_end(folder: Path) -> None:
    """On a machine that allows few open files: more clients than that wait to be accepted."""
    with serving(folder, files=64) as web:
        before = len(web.log.read_text())
        clients = [web.begin(b"") for _ in range(100)]
        deadline = time.monotonic() + PATIENCE
        while "accept" not in (said := web.log.read_text()[before:]):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert "no longer accepting" in said.splitlines()[0]
        for each in clients:
            each.close()
        begun = b"POST /webhooks/github/ HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\n"
        with web.begin(begun + b"{") as client:
            web.ask()  # the server has seen the other by then
            web.process.terminate()
            client.sendall(b"}")
            reply = _all_of(client)  # it ends because the server closes the connection
        assert reply.startswith(b"HTTP/1.1 4")
        assert reply.count(b"HTTP/1.1 ") == 1
        assert web.process.wait(PATIENCE) == 0


def _all_of(client: socket.socket) -> bytes:
    """Everything that the server sends until it closes the connection."""
    received = b""
    while part := client.recv(65_536):
        received += part
    return received
