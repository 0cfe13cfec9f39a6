"""The `tformance` command without a web server: sync, export, rotate keys.

Progress and errors go to stderr, figures and rows to stdout. Each function returns the exit code: 0
complete, 1 incomplete, 2 wrong usage or setting.
"""

from __future__ import annotations

import gc
import json
import logging
import re
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import django
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tformance import environment, output

if TYPE_CHECKING:
    from apps.integrations.models import SyncRun, TrackedRepository
    from apps.teams.models import Team

COMPLETE, INCOMPLETE, WRONG_USE = 0, 1, 2

# Logins of enterprise managed users contain an underscore.
_NAME = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9._-]+")
_stderr = Console(stderr=True, highlight=False)


def sync(
    names: Sequence[str], team_slug: str, since: datetime | None, production: str | None = None
) -> int:
    """Syncs repositories with GITHUB_TOKEN and prints their figures.

    `production` is the source of deployments; None: as chosen before, else detected.
    """
    if wrong := next((name for name in names if not _NAME.fullmatch(name)), None):
        return _say(f"“{wrong}” is no repository; write it as OWNER/REPO.", WRONG_USE)
    if not environment.text("GITHUB_TOKEN"):
        return _say(
            "GITHUB_TOKEN is not set. Make a token on GitHub (Settings, Developer settings) that "
            "may read the repository, and set GITHUB_TOKEN to it.",
            WRONG_USE,
        )
    _prepare()
    from django.db import DatabaseError

    from apps.integrations.github.errors import (
        CredentialsRejectedError,
        GitHubError,
        UnavailableError,
    )
    from apps.integrations.repositories import adhoc_production

    try:
        source = adhoc_production.parse(production) if production else None
    except ValueError as error:
        return _say(str(error), WRONG_USE)
    try:
        return _sync(list(dict.fromkeys(names)), team_slug, since, source)
    except CredentialsRejectedError as error:
        return _say(f"{error.message} Set GITHUB_TOKEN to one that it accepts.", INCOMPLETE)
    except UnavailableError as error:
        return _say(f"{error.message} Run the same command again later.", INCOMPLETE)
    except GitHubError as error:
        return _say(str(error), INCOMPLETE)
    except (DatabaseError, OSError) as error:
        return _say(f"The data cannot be stored: {error}. Nothing stored is lost.", INCOMPLETE)
    except KeyboardInterrupt:
        return _say("Stopped. Run the same command again to go on from here.", INCOMPLETE)


def export(what: str, team_slug: str, repository: str | None, form: str) -> int:
    """Writes rows to stdout."""
    _prepare()
    from django.db import DatabaseError

    from apps.audit.record import record
    from apps.metrics.lists import export as exports
    from apps.metrics.models import Repository
    from apps.teams.models import Team

    team = Team.objects.filter(slug=team_slug).first()
    if team is None:
        return _say(_no_team(team_slug), WRONG_USE)
    rows = Repository.objects.for_team(team)
    if repository and not rows.filter(full_name__iexact=repository).exists():
        return _say(f"The team {team_slug} holds no repository {repository}.", WRONG_USE)
    record("export.made", team_id=team.pk, object_name=f"{what} as {form} on the command line")
    try:
        lines = exports.export(what, team, repository, form)
        sys.stdout.writelines(map(output.visible, lines) if sys.stdout.isatty() else lines)
    except DatabaseError as error:
        return _say(f"The data cannot be read: {error}.", INCOMPLETE)
    return COMPLETE


def audit(sample: int) -> int:
    """Fetches pull requests again and compares them field by field."""
    _prepare()
    from apps.integrations.checks import accuracy
    from apps.integrations.github.errors import GitHubError

    try:
        outcome = accuracy.check(sample)
    except GitHubError as error:
        return _say(str(error), INCOMPLETE)
    if not (outcome.pull_requests or outcome.gone or outcome.not_compared):
        nothing = "There is nothing to compare: no pull request is stored."
        return _say(f"{nothing} Fetch some with `tformance sync OWNER/REPO`.", INCOMPLETE)
    for found in outcome.differences:
        late = " (changed on GitHub since the last sync)" if found.is_late else ""
        sys.stdout.write(
            f"{found.pull_request} {found.field}: {_value(found.here)} here, "
            f"{_value(found.on_github)} on GitHub{late}\n"
        )
    equal = outcome.fields - len(outcome.differences)
    sys.stdout.write(
        f"{equal} of {outcome.fields} fields equal in {outcome.pull_requests} pull requests"
        + (f" and {outcome.deployments} deployments" if outcome.deployments else "")
        + (f"; {outcome.gone} are gone from GitHub" if outcome.gone else "")
        + (". What differed is repaired.\n" if outcome.differences else ".\n")
    )
    for each in outcome.fields_missing:
        sys.stdout.write(f"{each}: not reported by GitHub, so it is compared with nothing.\n")
    if changed := sum(found.is_late for found in outcome.differences):
        sys.stdout.write(
            f"{changed} of {len(outcome.differences)} differences are in what changed on GitHub "
            "since the last sync.\n"
        )
    if outcome.problem:
        return _say(outcome.problem, INCOMPLETE)
    return INCOMPLETE if outcome.differences else COMPLETE


def rotate_keys() -> int:
    """Encrypts every stored secret again; safe while everything runs."""
    _prepare()
    from apps.encryption import EncryptionKeyError
    from apps.integrations.keeping import rotation

    try:
        count = rotation.rotate()
    except EncryptionKeyError as error:
        return _say(str(error), INCOMPLETE)
    sys.stdout.write(f"{count} secrets are encrypted with the first key now.\n")
    return COMPLETE


def _value(value: object) -> str:
    """As in the exports; `nothing` for none."""
    from apps.metrics.lists import export

    if isinstance(value, datetime):
        return export.instant(value)
    return "nothing" if value is None else output.visible(json.dumps(value, ensure_ascii=False))


def _prepare() -> None:
    django.setup()
    logging.getLogger("apps").setLevel(logging.ERROR)  # the progress bar reports instead
    from tformance import migrating

    try:
        migrating.migrate_if_needed()
    except OSError as error:
        raise SystemExit(
            _say(f"The database cannot be used: {error}".strip(), INCOMPLETE)
        ) from None
    gc.freeze()  # as the workers do


def _say(message: str, code: int) -> int:
    sys.stderr.write(f"tformance: {output.visible(message)}\n")
    return code


def _no_team(slug: str) -> str:
    from apps.teams.models import Team

    known = ", ".join(Team.objects.order_by("slug").values_list("slug", flat=True)[:20])
    return f"There is no team {slug}. " + (f"Known: {known}." if known else "Sync something first.")


def _sync(
    names: list[str], team_slug: str, since: datetime | None, source: tuple[str, str] | None
) -> int:
    from apps.integrations.models import SyncRun
    from apps.integrations.repositories import adhoc
    from apps.integrations.sync import schedule, stale

    team = adhoc.team(team_slug)
    found = list(_track(team, names))
    # One repository may be named by two names, or in two cases.
    tracked = list({row.pk: row for row in found}.values())
    if not tracked:
        return INCOMPLETE
    for integration in {row.integration for row in tracked}:
        adhoc.find_people(integration, _report)
    _read_for_marks(tracked)
    for row in tracked:
        stale.try_again(row, datetime.now(UTC))
    run = schedule.begin(team, tracked, SyncRun.Reason.TERMINAL)
    with _progress() as progress:
        _work(run, since, progress)
    rows = [type(row).objects.get(pk=row.pk) for row in tracked]
    problems = [line for row in rows for line in adhoc.problems(row)]
    problems += _deliveries(rows, source)
    for line in problems:
        _say(line, INCOMPLETE)
    for line in (line for row in rows for line in adhoc.remarks(row, since)):
        _report(line)
    _print_figures(team, rows)
    return INCOMPLETE if problems or len(found) < len(names) else COMPLETE


def _read_for_marks(tracked: Sequence[TrackedRepository]) -> None:
    """Updates what an earlier version stored, and says what that costs."""
    from apps.integrations.storing import recalculation
    from apps.integrations.sync import rereading
    from apps.metrics.figures import reading

    recalculation.at_once(tracked[0].team)
    count = sum(rereading.mark(row) for row in tracked)
    if count:
        points = -(-count // reading.A_POINT)
        _report(
            f"{count:,} pull requests were stored before marks of AI were read; they are fetched "
            f"again, for about {points:,} {'point' if points == 1 else 'points'}."
        )


def _deliveries(rows: Sequence[TrackedRepository], source: tuple[str, str] | None) -> list[str]:
    """Reads deployments of the repositories; returns what is incomplete."""
    from apps.integrations.models import SyncStatus
    from apps.integrations.repositories import adhoc_production

    problems: list[str] = []
    for row in rows:
        # Some that GitHub counts may never be found.
        if row.status == SyncStatus.COMPLETE or row.history_complete:
            problems += filter(None, [adhoc_production.read(row, source, _report)])
            for line in adhoc_production.remarks(row, source):
                _report(line)
    return problems


def _track(team: Team, names: list[str]) -> Iterator[TrackedRepository]:
    """The repositories that GitHub finds; the others are reported."""
    from apps.integrations.github.errors import NotFoundError
    from apps.integrations.repositories import adhoc

    for name in names:
        try:
            yield adhoc.track(team, name, _report)
        except NotFoundError as error:
            _say(str(error), INCOMPLETE)


def _report(message: str) -> None:
    _say(message, COMPLETE)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        console=_stderr,
    )


def _work(run: SyncRun, since: datetime | None, progress: Progress) -> None:
    from apps.integrations.repositories import adhoc
    from apps.integrations.sync import schedule

    tasks = {}

    def show(row: TrackedRepository, note: str = "") -> None:
        if row.pk not in tasks:
            tasks[row.pk] = progress.add_task(row.full_name, note="", total=None)
        done = row.repository.pull_requests.count()
        progress.update(
            tasks[row.pk], completed=done, total=row.pull_requests_total, note=note, refresh=True
        )

    while True:
        now = datetime.now(UTC)
        claimed = schedule.claim(now, run)
        if claimed:
            schedule.serve(claimed, since=since, on_step=show)
            show(claimed)
            continue
        waiting = adhoc.next_due(run)
        if waiting is None:
            return
        if waiting.due_at and waiting.due_at > now:
            show(waiting, f"waiting until {waiting.due_at.astimezone():%H:%M:%S}: {waiting.error}")
        time.sleep(0.2)


def _print_figures(team: Team, rows: Sequence[TrackedRepository]) -> None:
    from apps.metrics.pages.terminal_table import table

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=160)
    console.print(table(team, [row.repository for row in rows]))
