"""Output that cannot be written: every command, every way; one line, and exit code 74."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from github_simulator.testing import Running, running
from tests.conftest import small_world
from tests.program import COMMAND, clean_environment
from tests.terminal import Terminal
from tformance.cli import main
from tformance.output import visible

# These run until they are stopped, become another program, or write a file.
OTHERS = {"up", "demo", "simulator", "web", "worker", "schedule", "release", "manage"}
OTHERS |= {"backup", "restore", "upgrade", "user", "team"}
COMMANDS = {
    "sync": ("sync", "{name}"),
    "export": ("export", "pull-requests"),
    "export as CSV": ("export", "pull-requests", "--format", "csv"),
    "audit": ("audit", "--sample", "1"),
    "doctor": ("doctor",),
    "rotate-keys": ("rotate-keys",),
    "help": ("--help",),
    "help of a command": ("export", "--help"),
    "version": ("--version",),
}
EMOJI = "Ship it \U0001f680"


@dataclass(frozen=True)
class Shell:
    """A terminal whose output fails."""

    terminal: Terminal
    name: str

    def run(self, command: str, broken: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Runs a command with its stdout redirected by bash."""
        arguments = [part.format(name=self.name) for part in COMMANDS[command]]
        return subprocess.run(
            ["bash", "-c", f'set -o pipefail; "$0" "$@" {broken}', COMMAND, *arguments],
            env=clean_environment(**{**self.terminal.settings, **settings}),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=240,
        )


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    world = small_world()
    repository = min(
        (each for each in world.repositories.values() if len(each.pull_requests) > 1),
        key=lambda each: len(each.pull_requests),
    )
    for pull_request in repository.pull_requests.values():
        pull_request.title = EMOJI
    with running(world) as github:
        yield _synced(github, repository.full_name, tmp_path_factory.mktemp("output"))


def _synced(github: Running, name: str, folder: Path) -> Shell:
    terminal = Terminal(github, folder)
    done = terminal.run("sync", name)
    assert done.returncode == 0, done.stderr
    return Shell(terminal, name)


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The line that reports it; the progress of a sync may precede it."""
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("tformance: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_it_works(shell: Shell) -> None:
    done = shell.run("export", "")
    assert done.returncode == 0, done.stderr
    assert EMOJI in done.stdout


def test_every_command_is_tried() -> None:
    assert OTHERS | {arguments[0] for arguments in COMMANDS.values()} >= set(main.commands)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk(shell: Shell, command: str) -> None:
    done = shell.run(command, "> /dev/full")
    assert done.returncode == 74, done.stderr
    assert "No space left on device" in one_line(done)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_closed_stdout(shell: Shell, command: str) -> None:
    done = shell.run(command, ">&-")
    assert done.returncode == 74, done.stderr
    assert "it is closed" in one_line(done)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_that_has_seen_enough(shell: Shell, command: str) -> None:
    done = shell.run(command, "| true")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
@pytest.mark.parametrize("command", ["export", "export as CSV"])
def test_a_terminal_that_lacks_the_letter(shell: Shell, command: str, encoding: str) -> None:
    done = shell.run(command, "", PYTHONIOENCODING=encoding)
    assert done.returncode == 74, done.stderr
    assert "has no '\\U0001f680'; set PYTHONIOENCODING=utf-8" in one_line(done)


@pytest.mark.parametrize("command", ["sync", "audit", "doctor", "version"])
def test_a_plain_terminal_is_enough_where_no_letter_is_missing(shell: Shell, command: str) -> None:
    assert shell.run(command, "", PYTHONIOENCODING="latin-1").returncode == 0


def test_a_full_disk_for_messages_too(shell: Shell) -> None:
    assert shell.run("export", "> /dev/full 2> /dev/full").returncode == 74
    assert shell.run("version", "2>&-").returncode == 0


@pytest.mark.parametrize("code", [0, 7, 8, 0x0D, 0x1B, 0x7F, 0x80, 0x9B, 0x9F, 0x202E, 0x2066])
def test_nothing_commands_the_terminal(code: int) -> None:
    shown = visible(f"a{chr(code)}[31mb\t{EMOJI}é\n")
    assert shown == f"a\\u{code:04x}[31mb\t{EMOJI}é\n"


def test_an_export_to_a_terminal_is_only_shown(shell: Shell) -> None:
    """With `script`'s terminal in place of a pipe, which gets titles unchanged."""
    code = (
        "from apps.metrics.models import PullRequest; "
        "PullRequest.objects.update(title='\\x1b]0;x\\x07\\x9b2J')"
    )
    done = shell.terminal.run("manage", "shell", "-c", code)
    assert done.returncode == 0, done.stderr
    for form in ("jsonl", "csv"):
        command = f"{COMMAND} export pull-requests --format {form}"
        shown = subprocess.run(
            ["script", "-qec", command, "/dev/null"],
            env=clean_environment(**shell.terminal.settings, TERM="xterm"),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=240,
        ).stdout.decode()
        assert "\\u001b]0;x\\u0007\\u009b2J" in shown
        assert not {"\x1b", "\x07", "\x9b"} & set(shown)
