"""The `tformance` command. Each command's work is in a module of its own."""

from __future__ import annotations

import errno
import os
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import click

from tformance import account_commands, output

OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO, errno.EMFILE)


class Commands(click.Group):
    """Exits with one line: 74 if the output cannot be written, 1 if database or disk fail."""

    def main(self, *arguments: Any, **named: Any) -> Any:
        with output.watched():
            try:
                return super().main(*arguments, **named)
            except Exception as error:
                _explain(error)
                raise


def _explain(error: Exception) -> None:
    from tformance import environment, outages

    why = outages.reason(error)
    if why:
        why = f"The database cannot be used: {why}"
    elif isinstance(error, OSError) and error.errno in OF_THE_DISK:
        why = f"{error.filename or environment.data_dir()}: {error.strerror}."
    if why:
        click.echo(f"tformance: {output.visible(why)}", err=True)
        raise SystemExit(1) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tformance")
def main() -> None:
    """How an engineering team's pull requests flow, from what GitHub knows."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tformance.settings")


main.add_command(account_commands.user)
main.add_command(account_commands.team)


def _midnight(_: click.Context, __: click.Parameter, value: str | None) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(value), time(), UTC) if value else None
    except ValueError:
        raise click.BadParameter(f"“{value}” is no date; write it like 2026-01-31.") from None


@main.command()
@click.argument("repositories", metavar="OWNER/REPO…", nargs=-1, required=True)
@click.option("--team", default="personal", show_default=True, help="Made when it is missing.")
@click.option("--since", metavar="DATE", callback=_midnight, help="Only what was updated since.")
@click.option(
    "--production",
    metavar="SOURCE",
    help="The source of deployments: deployment, release, workflow:NAME, merge or found.  "
    "[default: detected]",
)
def sync(
    repositories: tuple[str, ...], team: str, since: datetime | None, production: str | None
) -> None:
    """Fetch repositories and print their figures.

    Asks GitHub with GITHUB_TOKEN, without an account or a server.
    """
    from tformance import terminal

    raise SystemExit(terminal.sync(repositories, team, since, production))


@main.command()
@click.argument(
    "what", type=click.Choice(["pull-requests", "reviews", "commits", "members", "deployments"])
)
@click.option("--team", default="personal", show_default=True)
@click.option("--repo", metavar="OWNER/REPO", help="Only this repository.")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl")
def export(what: str, team: str, repo: str | None, form: str) -> None:
    """Write rows to stdout, as JSON Lines or CSV."""
    from tformance import terminal

    raise SystemExit(terminal.export(what, team, repo, form))


@main.command()
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="How many pull requests, at most.",
)
def audit(sample: int) -> None:
    """Compare what is stored with GitHub's answers.

    Fetches randomly chosen pull requests again, shows each field that differs, and repairs it.
    Exits 1 if there is a difference.
    """
    from tformance import terminal

    raise SystemExit(terminal.audit(sample))


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write the whole database to FILE, while everything runs.

    The encryption keys are not in it: keep them in another place.
    """
    from tformance.backup import backup

    backup(file)


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore(file: Path) -> None:
    """Fill an empty database from FILE, which `backup` wrote."""
    from tformance.backup import restore

    restore(file)


@main.command("rotate-keys")
def rotate_keys() -> None:
    """Encrypt every stored secret with a new key.

    Uses the first of TOKEN_ENCRYPTION_KEYS, while everything runs.
    """
    from tformance import terminal

    raise SystemExit(terminal.rotate_keys())


@main.command()
@click.option("--bind", metavar="HOST:PORT", help="Where to listen.  [default: PUBLIC_URL's port]")
def up(bind: str | None) -> None:
    """Run web, worker and schedule, for one machine."""
    from tformance.up import up

    up(bind)


@main.command()
def release() -> None:
    """Migrate the database and collect the static files.

    Once for each new version, before its parts are started.
    """
    from tformance import parts

    parts.release()


@main.command()
@click.option("--check", is_flag=True, help="Only say what waits. Exits 1 where anything does.")
@click.option(
    "--backup",
    "backup_to",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to.  [default: a new file in DATA_DIR/backups]",
)
@click.option("--no-backup", is_flag=True, help="You have one already.")
def upgrade(check: bool, backup_to: Path | None, no_backup: bool) -> None:
    """Back up, then bring everything up to this version.

    Like `release`, with a backup first. To go back, install the former version and restore the
    backup.
    """
    from tformance import upgrade

    if check:
        raise SystemExit(1 if upgrade.check() else 0)
    upgrade.upgrade(backup_to, makes_backup=not no_backup)


def _listen(_: click.Context, __: click.Parameter, value: str) -> str:
    from tformance import ports

    try:
        return ports.joined(*ports.split(value.strip()))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@main.command()
@click.option(
    "--bind", envvar="BIND", default="127.0.0.1:8000", show_default=True, callback=_listen
)
@click.option(
    "--processes", envvar="WEB_PROCESSES", type=click.IntRange(min=1), default=2, show_default=True
)
def web(bind: str, processes: int) -> None:
    """Serve pages and webhooks. SIGHUP replaces the processes without a gap."""
    from tformance import parts

    parts.become("web", parts.web(bind, processes))


@main.command()
@click.option(
    "--processes",
    envvar="WORKER_PROCESSES",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
)
def worker(processes: int) -> None:
    """Talk to GitHub. On SIGTERM it finishes the current page first."""
    from tformance import parts

    parts.become("worker", parts.worker(processes))


@main.command()
def schedule() -> None:
    """Say every few seconds that there may be work. Run exactly one."""
    from tformance import parts

    parts.become("schedule", parts.schedule())


@main.command()
def demo() -> None:
    """Try everything with a made-up GitHub."""
    from tformance.demo import demo

    demo()


@main.command()
@click.option("--mail", metavar="ADDRESS", help="Also send a test mail there, now.")
def doctor(mail: str | None) -> None:
    """Check the setup, and say what to do.

    Checks settings, database, broker, worker, web, mail and GitHub. Exits 1 if there is a problem.
    """
    from tformance.doctor import doctor

    raise SystemExit(0 if doctor(mail) else 1)


@main.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("arguments", metavar="COMMAND…", nargs=-1, type=click.UNPROCESSED)
def manage(arguments: tuple[str, ...]) -> None:
    """Run one of Django's own commands."""
    from django.core.management import execute_from_command_line

    execute_from_command_line(["tformance manage", *arguments])


@main.command()
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A recording to serve in place of the made-up organisation.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=9000,
    show_default=True,
    help="Where to listen; 0 for any that is free.",
)
@click.option("--live", is_flag=True, help="Let time go on: people open, review and merge.")
def simulator(data: Path | None, port: int, live: bool) -> None:
    """Run the GitHub simulator alone."""
    from github_simulator.run import run

    run(data=data, port=port, live=live)
