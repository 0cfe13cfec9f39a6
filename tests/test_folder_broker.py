"""The folder that is Celery's broker on one machine: whole messages, each received once."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from kombu import Connection

WRITERS = READERS = 2
MESSAGES = 800  # from each writer
STOP = "stop"


def connection(folder: Path) -> Connection:
    options = {"folder": str(folder), "polling_interval": 0.01}
    transport = "tformance.folder_broker:Transport"
    return Connection("folder://localhost", transport=transport, transport_options=options)


def write(folder: Path, writer: int) -> None:
    with connection(folder) as broker, broker.SimpleQueue("work") as queue:
        for number in range(MESSAGES):
            queue.put([writer, number])


def read(folder: Path) -> list[list[int]]:
    """What one reader receives until it is told to stop."""
    with connection(folder) as broker, broker.SimpleQueue("work", no_ack=True) as queue:
        return list(iter(lambda: queue.get(timeout=60).payload, STOP))


def test_messages_are_whole_and_taken_once(tmp_path: Path) -> None:
    with ProcessPoolExecutor(WRITERS + READERS, mp_context=get_context("spawn")) as processes:
        readers = [processes.submit(read, tmp_path) for _ in range(READERS)]
        for writer in [processes.submit(write, tmp_path, number) for number in range(WRITERS)]:
            writer.result()
        with connection(tmp_path) as broker, broker.SimpleQueue("work") as queue:
            for _ in readers:
                queue.put(STOP)
        found = [message for reader in readers for message in reader.result()]
    assert sorted(found) == [[w, n] for w in range(WRITERS) for n in range(MESSAGES)]
    assert not list((tmp_path / "work").iterdir())


def test_an_invalid_message_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "work" / "0-folder").mkdir(parents=True)
    for number, content in enumerate((b"", b'{"half', b"\xff\xfe", b"{}", b"[]", b"null")):
        (tmp_path / "work" / f"0-{number}").write_bytes(content)
    with connection(tmp_path) as broker, broker.SimpleQueue("work", no_ack=True) as queue:
        queue.put("whole")
        assert queue.get(timeout=5).payload == "whole"
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["0-folder"]


def test_an_unfinished_message_comes_back(tmp_path: Path) -> None:
    with connection(tmp_path) as broker, broker.SimpleQueue("work") as queue:
        queue.put("first")
        assert queue.get(timeout=5).payload == "first"
    with connection(tmp_path) as broker, broker.SimpleQueue("work") as queue:
        again = queue.get(timeout=5)
        assert again.payload == "first"
        again.ack()
    assert not list((tmp_path / "work").iterdir())
