"""The files in deploy/, tried by the programs that read them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPResponse
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import pytest

from tests.absence import absent
from tests.program import COMMAND, ROOT, Program, free_address, on_one_machine, tformance
from tformance.ports import free_port

UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))


def found(program: str, package: str) -> str:
    """The path of a program."""
    return shutil.which(program) or absent(f"no {program}; `apt install {package}`")


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with the command of this checkout, since systemd checks that it exists."""
    for unit in UNITS:
        text = unit.read_text().replace("/opt/tformance/bin/tformance", COMMAND)
        (tmp_path / unit.name).write_text(text)
    return tmp_path


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [found("systemd-analyze", "systemd"), "--no-pager", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_it_works(units: Path) -> None:
    """Every unit is valid for systemd."""
    for unit in UNITS:
        checked = analyze("verify", units / unit.name)
        assert checked.returncode == 0, checked.stderr
        assert unit.name not in checked.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_units_leave_little_open(unit: Path, units: Path) -> None:
    """systemd's own rating goes from 0 (closed) to 10 (open)."""
    checked = analyze("security", "--offline=true", "--threshold=20", units / unit.name)
    assert checked.returncode == 0, checked.stdout[-300:]


def test_each_part_has_a_unit() -> None:
    lines = (ROOT / "deploy/Procfile").read_text().splitlines()
    commands = {line.partition(": ")[0]: line.partition(": ")[2] for line in lines}
    for part, command in commands.items():
        text = (ROOT / f"deploy/systemd/tformance-{part}.service").read_text()
        assert f"ExecStart=/opt/tformance/bin/{command}\n" in text


@contextmanager
def nginx(folder: Path, port: int, *upstreams: str, without: str = "") -> Iterator[None]:
    """deploy/nginx.conf on this port, with a certificate of its own, before these addresses.

    `without` removes the line of this header.
    """
    plain = free_port()
    pair = {"certificate": folder / "own.pem", "key": folder / "own.key"}
    made = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2")
    named = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")
    files = (*named, "-out", pair["certificate"], "-keyout", pair["key"])
    subprocess.run([*made, *files], check=True, capture_output=True)
    text = (ROOT / "deploy/nginx.conf").read_text()
    text = re.sub(r"listen \[::\].*\n", "", text)
    if without:
        text = re.sub(rf"proxy_set_header {without} .*\n", "", text)
    for former, here in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("listen 80", f"listen 127.0.0.1:{plain}"),
        ("/etc/ssl/tformance.pem", str(pair["certificate"])),
        ("/etc/ssl/tformance.key", str(pair["key"])),
        ("server 127.0.0.1:8000;", " ".join(f"server {each};" for each in upstreams)),
    ):
        assert former in text
        text = text.replace(former, here)
    (folder / "site.conf").write_text(text)
    temporary = "\n".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/errors;\nevents {{}}\n"
        f"http {{ access_log off;\n{temporary}\ninclude {folder}/site.conf; }}\n"
    )
    program = found("nginx", "nginx-light")
    process = subprocess.Popen([program, "-p", folder, "-c", folder / "nginx.conf"])
    try:
        yield
        assert process.poll() is None, (folder / "errors").read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The program, behind a proxy that terminates TLS at another port."""
    found("nginx", "nginx-light")
    web, public = free_address(), f"https://127.0.0.1:{free_port()}"
    folder, bind = tmp_path_factory.mktemp("data"), urlsplit(web).netloc
    with on_one_machine(folder, web, "--bind", bind, PUBLIC_URL=public, PROXIES="1") as program:
        yield program


@pytest.mark.services
def test_behind_the_proxy_everything_is_https(behind: Program) -> None:
    """The page is served, its cookies are secure, and a client cannot forge its address."""
    port = urlsplit(behind.environment["PUBLIC_URL"]).port or 0
    with (
        TemporaryDirectory() as folder,  # nginx's own user must reach it
        nginx(Path(folder), port, urlsplit(behind.url).netloc),
    ):
        os.chmod(folder, 0o755)
        page = ask(port, "/accounts/login/")
    assert page.status == 200
    assert "Secure" in page.headers["Set-Cookie"]
    assert page.headers["Strict-Transport-Security"]


@pytest.mark.services
@pytest.mark.parametrize(
    ("without", "told"),
    [
        ("Host", "answers 400, since it is asked by another name"),
        ("X-Forwarded-Proto", "leads to itself for ever, since it seems to be asked without TLS"),
    ],
)
def test_missing_headers_of_the_proxy_are_reported(
    behind: Program, without: str, told: str
) -> None:
    port = free_port()
    with (
        TemporaryDirectory() as folder,
        nginx(Path(folder), port, urlsplit(behind.url).netloc, without=without),
    ):
        os.chmod(folder, 0o755)
        ask(port, "/health/live")
        here = {"PUBLIC_URL": f"https://127.0.0.1:{port}", "SSL_CERT_FILE": f"{folder}/own.pem"}
        said = tformance("doctor", **{**behind.environment, **here}).stdout
    assert f"problem web: {here['PUBLIC_URL']}/ {told}\n" in said


def ask(port: int, path: str) -> HTTPResponse:
    """A page by TLS; the proxy may need a moment to listen."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(f"https://127.0.0.1:{port}{path}")
    for _ in range(100):
        with suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            break
        time.sleep(0.1)
    answer: HTTPResponse = urllib.request.urlopen(request, timeout=20, context=trusting)
    return answer
