"""Requests to recount deployments: stored until a worker has fulfilled them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from django.db.models import F, Min, QuerySet
from django.db.models.functions import Coalesce, Least

from apps.metrics.models import Application, DeployedPullRequest, Production

EVER = datetime(1970, 1, 1, tzinfo=UTC)


def ask(rows: QuerySet[Production]) -> None:
    """Requests a recount of repositories' deployments."""
    rows.update(is_recount_due=True, recount_requests=F("recount_requests") + 1)


def answered(production: Production) -> None:
    """Marks it as counted, unless a new request came since the row was read."""
    rows = Production.objects.filter(pk=production.pk, recount_requests=production.recount_requests)
    rows.update(is_recount_due=False)


def judge_anew(application: int, since: datetime) -> None:
    """Requests a new judgement of deployments that were live, or mended, since then.

    Requests are counted, so that none that arrives during a judgement is taken for answered.
    """
    Application.objects.filter(pk=application).update(
        failures_from=Least(Coalesce("failures_from", since), since),
        failure_requests=F("failure_requests") + 1,
    )


def judge_bringers_anew(repository: int, pull_requests: Iterable[int]) -> None:
    """The same for deployments that added some pull requests."""
    links = DeployedPullRequest.objects.filter(
        pull_request__in=list(pull_requests),
        deployment__application__repository=repository,
    )
    first = links.values("deployment__application").annotate(at=Min("deployment__deployed_at"))
    found = list(first.order_by().values_list("deployment__application", "at"))
    for application, at in sorted(found):
        judge_anew(application, at)
    if found:
        ask(Production.objects.filter(repository=repository))
