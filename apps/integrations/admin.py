from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.audit.inspection import InspectionAdmin
from apps.integrations.encryption import secret_fields
from apps.integrations.models import (
    AvailableRepository,
    GitHubApp,
    GitHubIntegration,
    IntegrationCredential,
    RateBudget,
    StaleDeployment,
    StalePullRequest,
    SyncRun,
    TrackedRepository,
)


@admin.register(GitHubApp)
class GitHubAppAdmin(InspectionAdmin):
    secrets = tuple(secret_fields(GitHubApp))
    list_display = ["__str__", "owner_login", "made_by", "made_at"]
    list_select_related = ["made_by"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A deleted installation on GitHub must make room for another."""
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


@admin.register(IntegrationCredential)
class IntegrationCredentialAdmin(InspectionAdmin):
    secrets = tuple(secret_fields(IntegrationCredential))
    list_display = ["__str__", "team", "connected_by", "connected_at"]
    list_select_related = ["team", "connected_by"]
    search_fields = ["team__slug"]


@admin.register(GitHubIntegration)
class GitHubIntegrationAdmin(InspectionAdmin):
    secrets = tuple(secret_fields(GitHubIntegration))
    list_display = ["organization_slug", "organization_id", "team", "sync_status", "last_sync_at"]
    list_select_related = ["team"]
    list_filter = ["sync_status"]
    search_fields = ["organization_slug", "team__slug"]


@admin.register(AvailableRepository)
class AvailableRepositoryAdmin(InspectionAdmin):
    list_display = ["full_name", "team", "github_repo_id", "is_private", "pushed_at", "listed_at"]
    list_select_related = ["team"]
    search_fields = ["full_name", "=github_repo_id"]


@admin.register(TrackedRepository)
class TrackedRepositoryAdmin(InspectionAdmin):
    list_display = ["full_name", "team", "is_active", "status", "due_at", "last_sync_at", "error"]
    list_select_related = ["team"]
    list_filter = ["is_active", "status", "history_complete"]
    search_fields = ["full_name", "team__slug", "=github_repo_id"]


@admin.register(SyncRun)
class SyncRunAdmin(InspectionAdmin):
    list_display = ["id", "team", "reason", "status", "started_at", "finished_at", "pull_requests"]
    list_select_related = ["team"]
    list_filter = ["reason", "status"]
    search_fields = ["team__slug"]


@admin.register(StalePullRequest)
class StalePullRequestAdmin(InspectionAdmin):
    list_display = ["__str__", "team", "due_at", "attempts", "error"]
    list_select_related = ["team", "tracked"]
    search_fields = ["tracked__full_name", "=number"]


@admin.register(StaleDeployment)
class StaleDeploymentAdmin(InspectionAdmin):
    list_display = ["__str__", "team", "due_at"]
    list_select_related = ["team", "tracked"]
    search_fields = ["tracked__full_name", "=node_id"]


@admin.register(RateBudget)
class RateBudgetAdmin(InspectionAdmin):
    list_display = ["host", "account", "resource", "remaining", "limit", "reset_at"]
    search_fields = ["host", "account"]
