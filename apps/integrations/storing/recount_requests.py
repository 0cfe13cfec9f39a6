"""What is to be counted anew of deployments: kept in the database until somebody has done it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from django.db.models import F, Min, QuerySet
from django.db.models.functions import Coalesce, Least

from apps.metrics.models import Application, DeployedPullRequest, Production

EVER = datetime(1970, 1, 1, tzinfo=UTC)


def ask(rows: QuerySet[Production]) -> None:
    """Has the deployments of repositories counted anew."""
    rows.update(is_recount_due=True, recount_requests=F("recount_requests") + 1)


def answered(of: Production) -> None:
    """It is counted, unless somebody has asked again since the row was read."""
    rows = Production.objects.filter(pk=of.pk, recount_requests=of.recount_requests)
    rows.update(is_recount_due=False)


def judge_anew(application: int, since: datetime) -> None:
    """Has it found out again which deployments failed that were live, or were mended, since then.

    Every request is counted, so that none is taken for answered that came while one was.
    """
    Application.objects.filter(pk=application).update(
        failures_from=Least(Coalesce("failures_from", since), since),
        failure_requests=F("failure_requests") + 1,
    )


def judge_bringers_anew(repository: int, pull_requests: Iterable[int]) -> None:
    """The same of the deployments that brought some pull requests."""
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
