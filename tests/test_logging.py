"""Log lines: as JSON for programs, with their context; and a log that stays small."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import pytest
from django.test import Client

from apps import log_ids
from tformance.log_format import JsonFormatter
from tformance.processes import turn_over
from tformance.redaction import RedactingFormatter


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


def test_foreign_text_controls_no_terminal_and_begins_no_line() -> None:
    forged = "\x1b]0;owned\x07\x9b31m\u202e\r\n2026-11-30 ERROR apps: forged"
    try:
        raise ValueError(forged)
    except ValueError as error:
        told = error, error.__traceback__
    record = logging.LogRecord("apps", logging.ERROR, "", 1, "GitHub: %s", (forged,), None)
    record.exc_info = ValueError, *told
    first, *others = RedactingFormatter("%(levelname)s %(message)s").format(record).split("\n")
    assert first.startswith("ERROR GitHub: \\u001b]0;owned")
    assert first.endswith("forged")
    assert others
    assert all(each.startswith("  ") for each in others)
    assert not [each for each in first + "".join(others) if not each.isprintable()]
    as_json = JsonFormatter().format(record)
    assert as_json.isprintable()
    assert json.loads(as_json)["message"] == f"GitHub: {forged}"


@pytest.mark.parametrize(
    ("sent", "kept"), [("4bf92f3577b34da6", True), ("x" * 65, False), ("a b\nc", False)]
)
def test_a_request_has_a_number(client: Client, db: None, sent: str, kept: bool) -> None:
    entry = client.get("/health/live", headers={"X-Request-ID": sent}).headers["X-Request-ID"]
    assert (entry == sent) is kept
    assert entry


def test_a_refused_request_is_one_line(client: Client) -> None:
    [handler] = [each for each in logging.getLogger().handlers if each.name == "stderr"]
    assert isinstance(handler, logging.StreamHandler)
    usual = handler.setStream(written := io.StringIO())
    try:
        assert client.get("/", headers={"Host": "elsewhere.example"}).status_code == 400
    finally:
        handler.setStream(usual)
    [only] = written.getvalue().splitlines()
    assert "elsewhere.example" in only


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
