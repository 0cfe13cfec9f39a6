"""Redis, which others may write to and read: nothing from it is executed, and TLS is verified."""

from __future__ import annotations

import pickle
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis
from kombu import Connection

from apps.integrations.tests.test_enterprise_server import files as files
from tests.absence import absent
from tests.program import (
    COMMAND,
    DATABASE,
    ROOT,
    START,
    clean_environment,
    prepared,
    redis_database,
    tformance,
)
from tformance.cache import Cache, Serializer
from tformance.ports import free_port
from tformance.redis_broker import Channel

ASK = """
import django
django.setup()
from django.core.cache import caches
from tformance import health
from tformance.celery import app
caches["counts"].set("greeting", "hello", 60)
print("cache", caches["counts"].get("greeting"))
print("health", health.broker())
try:
    with app.connection() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=5)
    print("celery", "hello")
except Exception as error:
    print("celery", type(error).__name__)
"""


@pytest.fixture
def cache() -> Iterator[Cache]:
    with redis_database() as url:
        options = {"OPTIONS": {"serializer": "tformance.cache.Serializer"}}
        yield Cache(url, options)


class Bomb:
    def __reduce__(self) -> Any:
        return print, ("it went off",)


@pytest.mark.services
def test_it_works(cache: Cache) -> None:
    for value in (1, 1.5, "text", None, True, [1.5, 2.5], {"a": [1]}):
        cache.set("key", value)
        assert cache.get("key", "nothing") == value
    cache.set("count", 1)
    assert cache.incr("count") == 2


@pytest.mark.parametrize(
    "data", [pickle.dumps(Bomb()), b"\x80\x04", b"", b"{", b"[" * 200_000, b"\xff", b"nan1"]
)
def test_nothing_is_unpickled(data: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    assert Serializer().loads(data) is None
    assert "went off" not in capsys.readouterr().out


def test_the_program_unpickles_nothing() -> None:
    """Neither our code, nor Celery and its schedule, which would by default."""
    for path in [*ROOT.glob("apps/**/*.py"), *ROOT.glob("tformance/**/*.py")]:
        words = path.read_text() if "tests" not in path.parts else ""
        assert not {"import pickle", "import shelve", "import marshal"} & set(words.splitlines())
    from tformance.celery import app

    assert app.conf.accept_content == ["json"]
    assert app.conf.beat_scheduler == "celery.beat:Scheduler"


@pytest.fixture(scope="module")
def over_tls(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis with a password, and a certificate for `localhost` signed by a private authority."""
    port, password = free_port(), secrets.token_hex(8)
    command = (
        *("redis-server", "--port", "0", "--tls-port", str(port), "--save", ""),
        *("--dir", str(tmp_path_factory.mktemp("redis")), "--requirepass", password),
        *("--tls-cert-file", str(files["certificate"]), "--tls-key-file", str(files["key"])),
        *("--tls-auth-clients", "no"),
    )
    try:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    except FileNotFoundError:
        absent("no redis-server")
    url = f"rediss://:{password}@localhost:{port}/0"
    try:
        _wait(redis.Redis.from_url(url, ssl_cert_reqs="none"))
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _wait(client: Any) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            client.ping()
        except redis.RedisError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


def _told(folder: Path, **settings: str) -> dict[str, str]:
    environment = clean_environment(
        DATA_DIR=str(folder), DJANGO_SETTINGS_MODULE="tformance.settings", **settings
    )
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


@pytest.mark.services
def test_a_closed_connection_is_an_error_that_celery_expects() -> None:
    """A worker continues after an outage; any other error would end it."""
    with redis_database() as url:
        broker = Connection(url, transport="tformance.redis_broker:Transport")
        channel, expected = broker.channel(), broker.connection_errors
        broker.release()
        assert isinstance(channel, Channel)
        with pytest.raises(expected, match="is closed"):
            channel.queue_purge("work")


@pytest.mark.services
def test_a_redis_that_refuses_to_write_ends_no_worker(tmp_path: Path) -> None:
    """It does so as a replica, or while its memory or disk is full."""
    shutil.copy(prepared() / DATABASE, tmp_path)
    port, log = free_port(), tmp_path / "worker.log"
    settings = {"DATA_DIR": str(tmp_path), "REDIS_URL": f"redis://127.0.0.1:{port}/0"}
    replica = ("--port", str(port), "--save", "", "--replicaof", "127.0.0.1", "1")
    with ExitStack() as stack, log.open("wb") as out:
        _started(stack, "redis-server", "--dir", str(tmp_path), *replica, out=out)
        client: Any = redis.Redis(port=port)
        _wait(client)
        assert _told(tmp_path, REDIS_URL=settings["REDIS_URL"])["health"] == "unreachable"
        worker = _started(stack, COMMAND, "worker", out=out, **settings)
        _wait_for("read only replica", log, worker)
        client.replicaof("NO", "ONE")
        _wait_for(" ready.", log, worker)


def _started(stack: ExitStack, *command: str, out: Any, **settings: str) -> subprocess.Popen[bytes]:
    """A process that ends with the block."""
    try:
        process = subprocess.Popen(
            command, cwd=ROOT, env=clean_environment(**settings), stdout=out, stderr=out
        )
    except FileNotFoundError:
        absent(f"no {command[0]}")
    stack.callback(process.wait, 30)
    stack.callback(process.terminate)
    return process


def _wait_for(words: str, log: Path, worker: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START
    while words not in log.read_text():
        assert worker.poll() is None, log.read_text()[-2000:]
        assert time.monotonic() < deadline, log.read_text()[-2000:]
        time.sleep(0.1)


@pytest.mark.services
def test_tls_is_verified_alike(over_tls: str, files: dict[str, Path], tmp_path: Path) -> None:
    """By web, by health and by Celery."""
    well = {"cache": "hello", "health": "ok", "celery": "hello"}
    assert _told(tmp_path, REDIS_URL=over_tls, REDIS_CA_FILE=str(files["ca"])) == well
    bad = {"cache": "None", "health": "unreachable", "celery": "OperationalError"}
    assert _told(tmp_path, REDIS_URL=over_tls) == bad
    by_address = over_tls.replace("localhost", "127.0.0.1")  # which the certificate does not cover
    assert _told(tmp_path, REDIS_URL=by_address, REDIS_CA_FILE=str(files["ca"])) == bad


@pytest.mark.parametrize("query", ["ssl_cert_reqs=none", "ssl_cert_reqs=CERT_NONE", "ssl_x=y"])
def test_verifying_cannot_be_switched_off(query: str, tmp_path: Path) -> None:
    url = f"rediss://localhost:6379/0?{query}"
    done = tformance("doctor", DATA_DIR=str(tmp_path), REDIS_URL=url)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("tformance: REDIS_URL: ")
