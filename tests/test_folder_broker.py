"""The folder that is Celery's broker on one machine: whole messages, each taken once."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from queue import Empty

from kombu import Connection

WRITERS = 2
MESSAGES = 800  # of each writer


def connection(folder: Path) -> Connection:
    options = {"folder": str(folder), "polling_interval": 0.01}
    transport = "tformance.folder_broker:Transport"
    return Connection("folder://localhost", transport=transport, transport_options=options)


def write(folder: Path, writer: int) -> None:
    with connection(folder) as broker, broker.SimpleQueue("work") as queue:
        for number in range(MESSAGES):
            queue.put({"writer": writer, "number": number})


def read(folder: Path) -> list[tuple[int, int]]:
    """What one reader gets until nothing came for two seconds."""
    found = []
    with connection(folder) as broker, broker.SimpleQueue("work", no_ack=True) as queue:
        while True:
            try:
                payload = queue.get(timeout=2).payload
            except Empty:
                return found
            found.append((payload["writer"], payload["number"]))


def test_messages_are_whole_and_taken_once(tmp_path: Path) -> None:
    with ProcessPoolExecutor(WRITERS + 2, mp_context=get_context("spawn")) as processes:
        readers = [processes.submit(read, tmp_path) for _ in range(2)]
        writers = [processes.submit(write, tmp_path, number) for number in range(WRITERS)]
        for writer in writers:
            writer.result()
        found = [message for reader in readers for message in reader.result()]
    assert sorted(found) == [(w, n) for w in range(WRITERS) for n in range(MESSAGES)]
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    for name, content in {"00_a": b"", "00_b": b'{"half', "00_c": b"\xff\xfe"}.items():
        (tmp_path / f"{name}.work.msg").write_bytes(content)
    (tmp_path / "00_d.other.msg").write_bytes(b"")
    with connection(tmp_path) as broker, broker.SimpleQueue("work", no_ack=True) as queue:
        queue.put("whole")
        assert queue.get(timeout=5).payload == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["00_d.other.msg"]
