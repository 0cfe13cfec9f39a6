"""Recounts what depends on a repository's deployments after a relevant change."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import transaction
from django.db.models import QuerySet

from apps.chunks import chunks
from apps.integrations.models import ProductionWalk
from apps.integrations.storing import bringing, crediting, deliveries, failing, recount_requests
from apps.integrations.work import leases
from apps.integrations.work.chores import Chore
from apps.metrics.figures import freshness
from apps.metrics.models import Production, PullRequest, Repository, Source
from apps.teams.models import Team


def ask(repository_id: int) -> None:
    """Requests a recount of a repository's deployments."""
    recount_requests.ask(Production.objects.filter(repository=repository_id))


def choose(
    repository: Repository, source: str, *, workflow: str = "", tag_pattern: str = ""
) -> Production:
    """Stores an admin's choice; an empty source means that it is detected again."""
    production = deliveries.production(repository)
    if workflow != production.workflow:
        ProductionWalk.objects.filter(tracked__repository=repository).update(
            workflow_id=None, runs_until=None, runs_read=False, runs_due_at=None, runs_etag=""
        )
    production.is_chosen = bool(source)
    production.source = source
    production.workflow = workflow if source == Source.WORKFLOW else ""
    production.tag_pattern = tag_pattern
    production.save(update_fields=["is_chosen", "source", "workflow", "tag_pattern"])
    ask(repository.pk)
    _walk_again(repository.pk)
    return production


def _walk_again(repository_id: int) -> None:
    """Has missing data fetched."""
    rows = ProductionWalk.objects.filter(tracked__repository=repository_id)
    rows.update(due_at=datetime.now(UTC))


def follow_settings(team: Team) -> None:
    """After a change of the team's patterns for environments or hotfixes."""
    recount_requests.ask(Production.objects.filter(team=team))
    ProductionWalk.objects.filter(team=team).update(due_at=datetime.now(UTC))


def recount(production: Production) -> None:
    """Detects source and applications, and counts what is not counted yet."""
    if production.source == Source.MERGE:
        deliveries.application(
            production.repository, Source.MERGE, production.repository.default_branch
        )
    if deliveries.settle(production):
        _follow_applications(production)
    for application in deliveries.current(production):
        leases.renew_held()
        bringing.count(application)
        failing.refresh(application)
        is_merge = application.source == Source.MERGE
        if not (is_merge or application.is_rooted) and bringing.eligible(application).exists():
            _walk_again(production.repository_id)
    recount_requests.answered(production)


def _follow_applications(production: Production) -> None:
    """Updates pull requests to the applications that count now."""
    rows = PullRequest.objects.filter(repository=production.repository, brought_by__isnull=False)
    keys = sorted(set(rows.order_by().values_list("pk", flat=True)))
    for some in chunks(keys):
        with transaction.atomic():
            leases.renew_held()
            freshness.changed(production.repository_id)
            crediting.credit(production.repository, some)
    with transaction.atomic():
        leases.renew_held()
        freshness.changed(production.repository_id)
        crediting.nothing_before(production.repository)
        crediting.note_before(production.repository)


def _due(now: datetime) -> QuerySet[Production]:
    rows: QuerySet[Production] = Production.objects.filter(is_recount_due=True)
    return rows.select_related("repository__team").order_by("pk")


def _recount(production: Production, now: datetime) -> None:
    recount(production)


RECOUNT = Chore("recount of deployments", _due, _recount)
