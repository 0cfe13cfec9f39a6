"""The `tformance` command."""

from __future__ import annotations

import os
from pathlib import Path

import click


@click.group()
@click.version_option(package_name="tformance")
def main() -> None:
    """How an engineering team's pull requests flow, from what GitHub knows."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tformance.settings")


@main.command()
@click.option("--bind", metavar="HOST:PORT", help="Where to listen.  [default: PUBLIC_URL's port]")
def up(bind: str | None) -> None:
    """Run web, worker and schedule, for one machine."""
    from tformance.up import up

    up(bind)


@main.command()
def demo() -> None:
    """Try the whole program against a made-up GitHub on this machine."""
    from tformance.demo import demo

    demo()


@main.command()
def doctor() -> None:
    """Check settings, database, broker and GitHub, and say what to do."""
    from tformance.doctor import doctor

    raise SystemExit(0 if doctor() else 1)


@main.command()
@click.option("--data", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--port", type=int, default=9000, show_default=True)
@click.option("--live", is_flag=True, help="Let time go on: people open, review and merge.")
def simulator(data: Path | None, port: int, live: bool) -> None:
    """Run the GitHub simulator alone."""
    from github_simulator.run import run

    run(data=data, port=port, live=live)
