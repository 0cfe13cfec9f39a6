"""Stores deliveries as their source reports them, by GitHub's ids; repeating it is harmless.

Which of them count depends on the source chosen for a repository, or detected.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.integrations.github.production_records import Page, ReportedDeployment
from apps.integrations.storing import bringing, recount_requests
from apps.integrations.storing.texts import tidy
from apps.metrics.calculations import globs
from apps.metrics.calculations.deployments import is_production
from apps.metrics.figures import freshness
from apps.metrics.models import Application, Deployment, Production, Repository, Source

RELEASES = "releases"
MOST_ENVIRONMENTS = 200
MAY_SUCCEED = timedelta(days=30)
"""How long GitHub lets a deployment wait for an approval, and a failed job be run again."""
SOONEST, LATEST = timedelta(minutes=1), timedelta(days=1)
_DECIDING = ("deployed_at", "is_withdrawn", "is_left_out")
_LONGEST = {"node_id": 100, "sha": 64, "name": 255, "url": 500, "state": 20}


def production(repository: Repository) -> Production:
    """The stored facts about where a repository deploys."""
    found, _ = Production.objects.get_or_create(
        repository=repository, defaults={"team_id": repository.team_id}
    )
    found.repository = repository  # As it was read, with its team.
    return found


def application(repository: Repository, source: str, environment: str) -> Application:
    """The repository's application of that name, created if new."""
    found, _ = Application.objects.get_or_create(
        repository=repository,
        source=source,
        environment=environment[:255],
        defaults={"team_id": repository.team_id, "is_current": False},
    )
    return found


def deployments(
    production: Production, reported: Sequence[ReportedDeployment], asked_at: datetime
) -> set[str]:
    """Stores deployments to production environments, as GitHub reported them at `asked_at`.

    A status can move one to another environment, where it alone counts then. Returns the ids of
    those that were stored after `asked_at`: they are newer, and left as they are.
    """
    _lock(production)
    newer = _stored_since(production, reported, asked_at)
    reported = [one for one in reported if one.id not in newer]
    _leave_where_it_was(production, reported)
    by_environment: dict[str, list[ReportedDeployment]] = {}
    patterns = production.repository.team.production_environments
    rows = Application.objects.filter(repository=production.repository, source=Source.DEPLOYMENT)
    known = set(rows.values_list("environment", flat=True))
    for one in reported:
        environment = tidy(one.environment)
        if environment[:255] in known or is_production(environment, patterns):
            by_environment.setdefault(environment, []).append(one)
    for environment, some in sorted(by_environment.items()):
        where = application(production.repository, Source.DEPLOYMENT, environment)
        page = _page(production, environment)
        _store(production, where, [(one, page) for one in some], asked_at)
    return newer


def _stored_since(
    production: Production, reported: Sequence[ReportedDeployment], asked_at: datetime
) -> set[str]:
    rows = Deployment.objects.filter(
        application__repository=production.repository,
        application__source=Source.DEPLOYMENT,
        node_id__in=[one.id for one in reported],
        modified_at__gt=asked_at,
    )
    return set(rows.values_list("node_id", flat=True))


def _page(production: Production, environment: str) -> str:
    """An environment's page; empty while the repository's URL is unknown."""
    name = production.repository.full_name.partition("@")[0]
    return f"{settings.GITHUB_URL}/{name}/deployments/{quote(environment, safe='')}"


def _leave_where_it_was(production: Production, reported: Sequence[ReportedDeployment]) -> None:
    environments = {one.id[:100]: tidy(one.environment)[:255] for one in reported}
    rows = Deployment.objects.filter(
        application__repository=production.repository,
        application__source=Source.DEPLOYMENT,
        node_id__in=environments,
        is_left_out=False,
    )
    there = rows.values_list("pk", "node_id", "application__environment")
    moved = [pk for pk, key, environment in there if environments[key] != environment]
    if moved:
        Deployment.objects.filter(pk__in=moved).update(is_left_out=True, look_again_at=None)
        _count_anew(production)


def releases(production: Production, page: Page, now: datetime) -> None:
    """Stores published releases, and records which are listed."""
    _lock(production)
    where = application(production.repository, Source.RELEASE, RELEASES)
    _store(production, where, [(one, one.url) for one in page.items], now)
    listed = [*(one.id for one in page.items), *page.unreadable]
    where.deployments.filter(node_id__in=listed).update(listed_at=now)
    leave_out(where, production.tag_pattern)


def withdraw_releases(production: Production, begun_at: datetime) -> None:
    """After a complete list: releases missing from it no longer count."""
    _lock(production)
    where = application(production.repository, Source.RELEASE, RELEASES)
    gone = where.deployments.filter(
        Q(listed_at=None) | Q(listed_at__lt=begun_at), is_withdrawn=False
    )
    if gone.update(is_withdrawn=True):
        leave_out(where, production.tag_pattern)
        _count_anew(production)


def runs(production: Production, reported: Sequence[ReportedDeployment], now: datetime) -> None:
    """Stores successful runs of the named workflow; the first version seen is kept."""
    _lock(production)
    where = application(production.repository, Source.WORKFLOW, production.workflow)
    _store(production, where, [(one, one.url) for one in reported], now)


def _count_anew(production: Production) -> None:
    """Invalidates pages that list the deployments, and has their results counted again."""
    freshness.changed(production.repository_id)
    recount_requests.ask(Production.objects.filter(pk=production.pk))


def _lock(production: Production) -> None:
    """Locks first, in the order in which counting and storing pull requests lock rows."""
    rows = Repository.objects.select_for_update(no_key=True).filter(pk=production.repository_id)
    list(rows.values_list("pk"))


def leave_out(where: Application, pattern: str) -> None:
    """Of several releases on one commit the first counts, and only those matching the pattern."""
    rows = where.deployments.order_by("deployed_at", "node_id")
    seen: set[str] = set()
    columns = ("pk", "sha", "name", "is_withdrawn", "is_left_out")
    for pk, sha, name, is_withdrawn, is_out in rows.values_list(*columns):
        fits = not is_withdrawn and (not pattern or globs.fits(pattern, name))
        if (sha in seen or not fits) != is_out:
            Deployment.objects.filter(pk=pk).update(is_left_out=not is_out)
        if fits:
            seen.add(sha)


def settle(production: Production) -> bool:
    """Detects which releases count, the source unless a person chose it, and which applications.

    Returns whether source or applications changed.
    """
    rows = list(production.repository.applications.all())
    for row in rows:
        if row.source == Source.RELEASE:
            leave_out(row, production.tag_pattern)
    source = source_of(production)
    has_changed = source != production.source
    if has_changed:
        production.source = source
        Production.objects.filter(pk=production.pk, is_chosen=False).update(source=source)
    counting = {row.pk for row in rows if row.source == source and _is_wanted(production, row)}
    for row in rows:
        if row.is_current != (row.pk in counting):
            Application.objects.filter(pk=row.pk).update(is_current=not row.is_current)
            has_changed = True
    return has_changed


def wanted(production: Production) -> list[Application]:
    """The applications that should count, according to what is stored."""
    source = source_of(production)
    rows = Application.objects.filter(repository=production.repository, source=source).order_by(
        "pk"
    )
    return [row for row in rows.select_related("repository") if _is_wanted(production, row)]


def source_of(production: Production) -> str:
    """The chosen source, else the one detected in stored data."""
    return production.source if production.is_chosen else _detected_source(production)


def current(production: Production) -> QuerySet[Application]:
    """The applications that count."""
    return production.repository.applications.filter(is_current=True).order_by("pk")


def _detected_source(production: Production) -> str:
    rows = Application.objects.filter(repository=production.repository)
    of_each = Deployment.objects.filter(application=OuterRef("pk"))
    succeeded = rows.filter(Exists(of_each.filter(deployed_at__isnull=False)))
    names = succeeded.filter(source=Source.DEPLOYMENT).values_list("environment", flat=True)
    patterns = production.repository.team.production_environments
    if any(is_production(name, patterns) for name in names):
        return Source.DEPLOYMENT.value
    published = rows.filter(Exists(of_each.filter(is_left_out=False)), source=Source.RELEASE)
    return Source.RELEASE.value if published.exists() else ""


def _is_wanted(production: Production, row: Application) -> bool:
    if row.source == Source.DEPLOYMENT:
        return is_production(row.environment, production.repository.team.production_environments)
    if row.source == Source.WORKFLOW:
        return bool(row.environment == production.workflow[:255])
    return row.source == Source.RELEASE or row.environment == production.repository.default_branch


def note_environments(production: Production, reported: Iterable[ReportedDeployment]) -> None:
    """Counts environment names, for an admin to choose from; production ones are always kept."""
    counts: dict[str, int] = dict(production.environments)
    for one in reported:
        name = tidy(one.environment)[:255]
        if name in counts or len(counts) < MOST_ENVIRONMENTS or is_production(name):
            counts[name] = counts.get(name, 0) + 1
    if counts != production.environments:
        production.environments = counts
        Production.objects.filter(pk=production.pk).update(environments=counts)


def _store(
    production: Production,
    where: Application,
    reported: Sequence[tuple[ReportedDeployment, str]],
    now: datetime,
) -> None:
    incoming = {one.id[:100]: (one, url) for one, url in reported}
    # Locked, so that webhook changes made meanwhile are applied after what is stored here.
    rows = where.deployments.select_for_update(no_key=True).filter(node_id__in=incoming)
    known = {row.node_id: row for row in rows}
    fresh: list[Deployment] = []
    moved = is_changed = False
    for key, (one, url) in sorted(incoming.items()):
        row = known.get(key) or Deployment(
            team_id=where.team_id, application=where, node_id=key, sha=one.sha[:64]
        )
        changes = _changes(row, one, url, now)
        moved = moved or not changes.keys().isdisjoint(_DECIDING)
        is_changed = is_changed or bool(changes.keys() - {"look_again_at"})
        for name, value in changes.items():
            setattr(row, name, value)
        if row.pk is None:
            fresh.append(row)
        elif changes:
            row.save(update_fields=[*changes, "modified_at"])
            if "deployed_at" in changes and row.sequence is not None:
                bringing.rewind_to(where, row)
    Deployment.objects.bulk_create(fresh)
    if is_changed:
        freshness.changed(production.repository_id)  # Invalidates pages that list it.
    if fresh or moved:
        recount_requests.ask(Production.objects.filter(pk=production.pk))


def _changes(row: Deployment, one: ReportedDeployment, url: str, now: datetime) -> dict[str, Any]:
    """The fields that differ from what is stored."""
    values = {
        "name": tidy(one.name),
        "url": tidy(url),
        "state": tidy(one.state),
        "requested_at": one.requested_at,
        "deployed_at": _deployed_at(row, one),
        "is_withdrawn": False,
    }
    values = {k: v[: _LONGEST[k]] if isinstance(v, str) else v for k, v in values.items()}
    if values["deployed_at"]:
        values["look_again_at"] = None
    else:
        values["look_again_at"] = _again(one, now)
    if row.application.source == Source.DEPLOYMENT:
        values["is_left_out"] = False
    return {name: value for name, value in values.items() if getattr(row, name, None) != value}


def _deployed_at(row: Deployment, one: ReportedDeployment) -> datetime | None:
    """A deployment once live stays so: later attempts or missing data change nothing."""
    if row.application.source == Source.RELEASE:
        return one.deployed_at
    if row.application.source == Source.WORKFLOW:
        return row.deployed_at or one.deployed_at
    return min((at for at in (row.deployed_at, one.deployed_at) if at), default=None)


def ask_again(repository: Repository, node_ids: Collection[str], now: datetime) -> None:
    """Reschedules deployments that are gone or unreadable this time, which look the same."""
    rows = Deployment.objects.filter(
        application__repository=repository, node_id__in=node_ids, look_again_at__isnull=False
    )
    keys = list(rows.values_list("pk", flat=True))
    rows = Deployment.objects.filter(pk__in=keys)
    rows.filter(requested_at__gt=now - MAY_SUCCEED).update(look_again_at=now + LATEST)
    rows.filter(requested_at__lte=now - MAY_SUCCEED).update(look_again_at=None)


def _again(one: ReportedDeployment, now: datetime) -> datetime | None:
    """When to check an unsuccessful deployment again; less and less often."""
    age = now - one.requested_at
    return None if age > MAY_SUCCEED else now + min(max(age / 2, SOONEST), LATEST)
