"""`tformance up` and `tformance demo`, as operators and newcomers use them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from celery import Celery

from tests.program import COMMAND, ROOT, START, clean_environment, prepared, tformance
from tformance.ports import free_port


@contextmanager
def started(*arguments: str, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command while it runs, and the line that it printed."""
    process = subprocess.Popen(
        [COMMAND, *arguments],
        cwd=ROOT,
        env=clean_environment(**settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout
        yield process, process.stdout.readline()
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def processes_of(folder: Path) -> set[int]:
    """Ids of the processes whose data is in this folder."""
    wanted = f"DATA_DIR={folder}".encode()
    found = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in path.read_bytes().split(b"\0"):
                found.add(int(path.parent.name))
        except OSError:
            continue
    return found


def gone(folder: Path) -> bool:
    """Whether all processes of the folder ended; killed ones take a moment."""
    deadline = time.monotonic() + START
    while processes_of(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not processes_of(folder)


def status(url: str) -> int:
    with urllib.request.urlopen(url, timeout=START) as reply:
        return int(reply.status)


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    shutil.copytree(prepared(), tmp_path, dirs_exist_ok=True)
    return {"DATA_DIR": str(tmp_path), "PUBLIC_URL": f"http://127.0.0.1:{free_port()}"}


def test_it_works(settings: dict[str, str], tmp_path: Path) -> None:
    with started("up", **settings) as (process, line):
        assert settings["PUBLIC_URL"] in line
        assert status(f"{settings['PUBLIC_URL']}/health/ready") == 200
        assert len(processes_of(tmp_path)) >= 4
        kill_what_waits_for_work(tmp_path)
        again = tformance("up", "--bind", f"127.0.0.1:{free_port()}", **settings)
        assert again.returncode == 1
        assert "runs already" in again.stderr
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert not processes_of(tmp_path)
    assert (tmp_path / "log" / "web.log").exists()


def kill_what_waits_for_work(folder: Path) -> None:
    """Kills the worker's processes with -9; their replacements continue."""
    worker = part(folder, b"worker")
    wait_until(lambda: (folder / "heartbeat").exists())
    for child in Path(f"/proc/{worker}/task/{worker}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)
    os.utime(folder / "heartbeat", (1, 1))
    with Celery(set_as_current=False, broker="folder://localhost") as app:
        app.conf.broker_transport = "tformance.folder_broker:Transport"
        app.conf.broker_transport_options = {"folder": str(folder / "broker")}
        app.send_task("apps.integrations.tasks.look_for_due_work")
    wait_until(lambda: (folder / "heartbeat").stat().st_mtime > 1)


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_termination_ends_all_of_it(settings: dict[str, str], tmp_path: Path) -> None:
    with started("up", **settings) as (process, _):
        process.terminate()
        assert process.wait(30) == 0
        assert not processes_of(tmp_path)


def test_a_killed_command_leaves_nothing_behind(settings: dict[str, str], tmp_path: Path) -> None:
    with started("up", **settings) as (process, _):
        process.kill()
        process.wait()
        assert gone(tmp_path)


def test_a_part_that_ends_is_named_and_ends_the_rest(
    settings: dict[str, str], tmp_path: Path
) -> None:
    with started("up", **settings) as (process, _):
        os.kill(part(tmp_path, b"worker"), signal.SIGKILL)
        assert process.wait(30) == 1
        assert process.stderr
        message = process.stderr.read()
        assert "The worker was killed by signal 9" in message
        assert str(tmp_path / "log" / "worker.log") in message
        assert not processes_of(tmp_path)


def part(folder: Path, word: bytes) -> int:
    """The oldest process of the folder with this word in its command."""
    found = processes_of(folder)
    return min(i for i in found if word in Path(f"/proc/{i}/cmdline").read_bytes().split(b"\0"))


def test_a_taken_port_is_named(settings: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = tformance("up", **{**settings, "PUBLIC_URL": f"http://127.0.0.1:{port}"})
    assert result.returncode == 2
    assert f"Port {port} on 127.0.0.1 is taken" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_demo_says_one_line_and_finds_its_data_again(tmp_path: Path) -> None:
    lines = [demo(tmp_path) for _ in range(2)]
    assert lines[0] == lines[1]
    match = re.search(r"http://localhost:\d+ and sign in as alice@example.com", lines[0])
    assert match


def demo(folder: Path) -> str:
    """Starts and ends the demo; returns its line."""
    with started("demo", DATA_DIR=str(folder)) as (process, line):
        address = re.search(r"http://localhost:\d+", line)
        assert address
        assert status(f"{address[0]}/accounts/login/") == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert process.stdout
        assert process.stdout.read() == ""
        assert not processes_of(folder / "demo")
    assert (folder / "demo" / "password").stat().st_mode & 0o777 == 0o600
    return line
