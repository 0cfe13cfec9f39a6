"""Sources of the data: credentials, organisations, tracked repositories, runs and budgets."""

from __future__ import annotations

from apps.integrations.models.connections import (
    AvailableRepository,
    Farewell,
    GitHubApp,
    GitHubIntegration,
    GitHubServer,
    IntegrationCredential,
    RateBudget,
    SyncStatus,
)
from apps.integrations.models.hooks import Hook, MissedDelivery, WebhookDelivery
from apps.integrations.models.privacy import (
    CoAuthor,
    CommitIdentity,
    Erasure,
    ForgottenAccount,
    TeamKey,
)
from apps.integrations.models.production import ProductionWalk, StaleDeployment
from apps.integrations.models.tracking import (
    KeptPage,
    SpotCheck,
    StalePullRequest,
    SyncRun,
    TrackedRepository,
)
from apps.integrations.models.work import Lease

__all__ = [
    "AvailableRepository",
    "CoAuthor",
    "CommitIdentity",
    "Erasure",
    "Farewell",
    "ForgottenAccount",
    "GitHubApp",
    "GitHubIntegration",
    "GitHubServer",
    "Hook",
    "IntegrationCredential",
    "KeptPage",
    "Lease",
    "MissedDelivery",
    "ProductionWalk",
    "RateBudget",
    "SpotCheck",
    "StaleDeployment",
    "StalePullRequest",
    "SyncRun",
    "SyncStatus",
    "TeamKey",
    "TrackedRepository",
    "WebhookDelivery",
]
