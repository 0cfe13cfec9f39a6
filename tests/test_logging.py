"""Log lines: as JSON for programs, with their context; and a log that stays small."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from django.test import Client

from apps import log_ids
from tformance.log_format import JsonFormatter
from tformance.processes import turn_over


def line(message: str, **more: object) -> dict[str, object]:
    record = logging.LogRecord("apps.sync", logging.WARNING, "", 1, message, (), None)
    vars(record).update(more)
    entry: dict[str, object] = json.loads(JsonFormatter().format(record))
    return entry


def test_it_works() -> None:
    with log_ids.belongs_to(request="abc", run=None), log_ids.belongs_to(run=7):
        entry = line("Bearer abcdefghijkl was\nrefused")
    assert entry["message"] == "Bearer [hidden] was\nrefused"
    assert (entry["level"], entry["logger"], entry["run"]) == ("WARNING", "apps.sync", 7)
    assert str(entry["at"]).endswith("+00:00")
    assert "run" not in line("later")


def test_a_traceback_is_redacted_too() -> None:
    try:
        raise ValueError("password=opensesame")
    except ValueError as error:
        entry = line("failed", exc_info=(ValueError, error, error.__traceback__))
    assert "ValueError" in str(entry["traceback"])
    assert "opensesame" not in str(entry)


@pytest.mark.parametrize(
    ("sent", "kept"), [("4bf92f3577b34da6", True), ("x" * 65, False), ("a b\nc", False)]
)
def test_a_request_has_a_number(client: Client, db: None, sent: str, kept: bool) -> None:
    entry = client.get("/health/live", headers={"X-Request-ID": sent}).headers["X-Request-ID"]
    assert (entry == sent) is kept
    assert entry


def test_logs_are_turned_over(tmp_path: Path) -> None:
    """A part continues to write into the file that it holds open."""
    log = tmp_path / "web.log"
    with log.open("ab", buffering=0) as part:
        for number in range(6):
            part.write(f"number {number} is here\n".encode())
            turn_over(log, 10)
        part.write(b"short\n")
        turn_over(log, 10)
    kept = {each.name: each.read_text() for each in tmp_path.iterdir()}
    assert kept == {
        "web.log": "short\n",
        "web.log.1": "number 5 is here\n",
        "web.log.2": "number 4 is here\n",
        "web.log.3": "number 3 is here\n",
    }
