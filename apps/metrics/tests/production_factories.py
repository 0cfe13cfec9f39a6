"""Stores counted deployments for tests: what each brought is given."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import count
from typing import Any

from django.utils import timezone

from apps.metrics.figures import freshness
from apps.metrics.models import (
    Application,
    DeployedPullRequest,
    Deployment,
    Production,
    PullRequest,
    Repository,
)

_ids = count(1)


def make_application(
    repository: Repository,
    environment: str = "production",
    source: str = "deployment",
    **fields: Any,
) -> Application:
    """An application that counts, of a repository whose source was read completely."""
    Production.objects.update_or_create(
        repository=repository,
        defaults={
            "team": repository.team,
            "source": source,
            "is_complete": True,
            "fetched_at": timezone.now(),
            **fields,
        },
    )
    application: Application = Application.objects.create(
        team=repository.team, repository=repository, source=source, environment=environment
    )
    return application


def make_deployment(
    application: Application,
    deployed_at: datetime | None,
    brought: Sequence[PullRequest] = (),
    **fields: Any,
) -> Deployment:
    """One of an application; those made later come later in its order."""
    number = next(_ids)
    columns = {
        "node_id": f"DE_{number}",
        "sha": f"{number:040x}",
        "requested_at": deployed_at or timezone.now(),
        "sequence": None if deployed_at is None else number,
        **fields,
    }
    deployment: Deployment = Deployment.objects.create(
        team=application.team, application=application, deployed_at=deployed_at, **columns
    )
    for each in brought:
        DeployedPullRequest.objects.create(deployment=deployment, pull_request=each)
        _credit(each, deployment)
    freshness.changed(application.repository_id)
    return deployment


def make_failed(
    deployment: Deployment, mended_by: Deployment, cause: str = "rollback", **fields: Any
) -> Deployment:
    """Makes a deployment failed, and another one its fix."""
    assert mended_by.deployed_at is not None
    assert deployment.deployed_at is not None
    lasted = mended_by.deployed_at - deployment.deployed_at
    columns = {
        "found_cause": cause,
        "failed_by": cause,
        "is_failed": True,
        "mended_by": mended_by,
        "recovered_at": mended_by.deployed_at,
        "recovery_time": int(lasted.total_seconds()),
        **fields,
    }
    for name, value in columns.items():
        setattr(deployment, name, value)
    deployment.save()
    freshness.changed(deployment.application.repository_id)
    return deployment


def _credit(pull_request: PullRequest, deployment: Deployment) -> None:
    """The earliest deployment is the one in a pull request's own figures."""
    at = deployment.deployed_at
    assert at is not None
    assert pull_request.merged_at is not None
    if pull_request.deployed_at is not None and pull_request.deployed_at <= at:
        return
    waited = max(int((at - pull_request.merged_at).total_seconds()), 0)
    pull_request.deployed_at, pull_request.deployment = at, deployment
    pull_request.deploy_time = waited
    pull_request.lead_time = (pull_request.cycle_time or 0) + waited
    pull_request.stored_revision = freshness.changed(pull_request.repository_id)
    pull_request.save()
