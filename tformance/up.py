"""`tformance up`: web, worker and schedule in one command, for one machine."""

from __future__ import annotations

import fcntl
import http.client
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import click
import django
from django.conf import settings

from tformance import metrics_folder, ports
from tformance import parts as commands
from tformance.processes import Part, PartError, Processes, processes

WEB_START = 60.0  # seconds


def up(bind: str | None) -> None:
    """Run until interrupted; exit 1 if a part ends by itself, 2 if the port is taken."""
    django.setup()
    host, port = address(bind)
    refuse_taken(host, port)
    with alone(), processes(settings.DATA_DIR / "log") as group, explained(group):
        prepare()
        serve(group, host, port)
        click.echo(f"tformance is at {settings.PUBLIC_URL} (Ctrl-C ends it)")
        group.watch()


@contextmanager
def explained(group: Processes) -> Iterator[None]:
    """Translate what ends a run into an exit code and one line."""
    try:
        yield
    except KeyboardInterrupt:
        say("Stopping …")
    except PartError as error:
        raise click.ClickException(f"{error} Everything else was stopped.") from None
    except TimeoutError:
        raise click.ClickException(f"It did not start in time; see {group.log_folder}.") from None


def serve(group: Processes, host: str, port: int) -> None:
    """Start web, worker and schedule, and wait until pages are served."""
    for part in parts(host, port):
        group.start(part, metrics_folder.begin(part.name))
    say("Waiting for the web server …")
    group.wait_until(lambda: answers(host, port), WEB_START)


def prepare() -> None:
    """Migrate the database, collect the static files, and drop old messages."""
    from apps.integrations.hooks import caretaking
    from tformance import migrating, static_files

    # Messages from before are superseded: the work is in the database.
    shutil.rmtree(settings.DATA_DIR / "broker", ignore_errors=True)
    say("Bringing the database up to date …")
    migrating.migrate()
    if static_files.collect():
        say("Collected the static files.")
    if caretaking.follow_address():
        say(f"The address is new: GitHub's webhooks are led to {settings.PUBLIC_URL} soon.")
        say("Callback URLs of a GitHub App or OAuth app must be changed on GitHub by hand.")


def parts(host: str, port: int) -> list[Part]:
    """Web, worker and schedule."""
    return [
        Part("web", commands.web(ports.joined(host, port))),
        Part("worker", commands.worker(2, alone=True)),
        Part("schedule", commands.schedule()),
    ]


def address(bind: str | None) -> tuple[str, int]:
    """Host and port to listen on: as given, else those of a local PUBLIC_URL, else port 8000."""
    if bind:
        try:
            return ports.split(bind)
        except ValueError as error:
            raise click.UsageError(f"--bind: {error}") from None
    public = urlsplit(settings.PUBLIC_URL)
    local = public.scheme == "http" and public.port
    host = "::1" if public.hostname == "::1" else "127.0.0.1"
    return host, (public.port if local and public.port else 8000)


def refuse_taken(host: str, port: int) -> None:
    """Exit 2 with one line if another program listens there."""
    if not ports.is_free(port, host):
        raise click.UsageError(
            f"Port {port} on {host} is taken by another program. End that one, "
            "or choose another port with PUBLIC_URL or --bind."
        )


@contextmanager
def alone() -> Iterator[None]:
    """Refuse to run twice on one data folder: two schedules would do everything twice."""
    with (settings.DATA_DIR / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise click.ClickException(
                f"tformance runs already on {settings.DATA_DIR}. End that one first."
            ) from None
        yield


def answers(host: str, port: int) -> bool:
    """Whether the web server answers its health check."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        name = urlsplit(settings.PUBLIC_URL).netloc
        connection.request("GET", "/health/live", headers={"Host": name})
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def say(line: str) -> None:
    """Report progress on stderr; stdout is for the address alone."""
    click.echo(line, err=True)
