"""The production figures in the read API: the same as the page of that name, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ninja import Schema
from pydantic import create_model

from apps.metrics.api.figures import Described, Spread
from apps.metrics.pages.delivery import DELIVERY


class _Counts(Schema):
    """The numerators and denominators of the shares."""

    deployments: int
    applications: int
    repeats: int
    rollbacks: int
    restores: int
    pull_requests: int
    days_with_deployment: int
    days: int
    failed: int
    failed_by: dict[str, int]
    not_mended: int
    reworks: int
    bringing_pull_requests: int
    mean_stages: dict[str, float]
    mean_lead_time: float | None


if TYPE_CHECKING:
    DeliveryFigures = Schema
else:
    _FIELDS: dict[str, Any] = {
        name: (Spread if each.is_median else float | None, ...) for name, each in DELIVERY.items()
    }
    DeliveryFigures = create_model(
        "DeliveryFigures",
        __base__=_Counts,
        __doc__="Of what was deployed; durations in seconds, shares between 0 and 1.",
        **_FIELDS,
    )


class DeliveryPoint(Schema):
    """A week or month of the range; null if nothing was deployed."""

    name: str
    figures: DeliveryFigures | None


class ApplicationFigures(Schema):
    """A repository and an environment."""

    repository: str
    environment: str
    source: str
    figures: DeliveryFigures


class LeftOut(Schema):
    """What the range's figures leave out: pull requests, then deployments."""

    not_deployed: int
    live_before: int
    other_branches: int
    without_source: int
    deployments: int
    failed_jobs: int


class ProductionReply(Described):
    """The five figures, the previous period's, their trend, and each application's.

    `changes` says `higher` or `lower` for a figure that differs beyond chance.
    """

    figures: DeliveryFigures
    previous: DeliveryFigures
    changes: dict[str, str | None]
    series: list[DeliveryPoint]
    applications: list[ApplicationFigures]
    left_out: LeftOut
    not_deployed_now: int
