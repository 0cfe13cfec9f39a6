from django.contrib import admin

from apps.audit.inspection import InspectionAdmin
from apps.metrics.models import (
    Commit,
    Group,
    PRReview,
    PullRequest,
    Repository,
    TeamMember,
    TimelineEvent,
)


@admin.register(TeamMember)
class TeamMemberAdmin(InspectionAdmin):
    list_display = ["github_username", "name", "team", "role", "is_bot", "is_active", "is_hidden"]
    list_select_related = ["team"]
    list_filter = ["is_bot", "is_active", "is_hidden"]
    search_fields = ["github_username", "name", "email", "=github_id"]


@admin.register(Group)
class GroupAdmin(InspectionAdmin):
    list_display = ["name", "slug", "team", "github_id"]
    list_select_related = ["team"]
    search_fields = ["name", "slug"]


@admin.register(Repository)
class RepositoryAdmin(InspectionAdmin):
    list_display = ["full_name", "team", "github_repo_id", "is_private", "is_archived"]
    list_select_related = ["team"]
    search_fields = ["full_name", "=github_repo_id"]


@admin.register(PullRequest)
class PullRequestAdmin(InspectionAdmin):
    list_display = ["__str__", "repository", "team", "state", "author_login", "updated_at"]
    list_select_related = ["repository", "team"]
    list_filter = ["state", "is_draft", "is_bot", "is_revert", "is_hotfix"]
    search_fields = ["=number", "title", "repository__full_name", "=github_id", "=node_id"]


@admin.register(PRReview)
class PRReviewAdmin(InspectionAdmin):
    list_display = ["__str__", "pull_request", "reviewer_login", "state", "submitted_at"]
    list_select_related = ["pull_request"]
    list_filter = ["state"]
    search_fields = ["reviewer_login", "=github_id", "=pull_request__number"]


@admin.register(Commit)
class CommitAdmin(InspectionAdmin):
    list_display = ["sha", "repository", "author_login", "authored_at", "committed_at"]
    list_select_related = ["repository"]
    search_fields = ["sha", "message_headline"]


@admin.register(TimelineEvent)
class TimelineEventAdmin(InspectionAdmin):
    list_display = ["__str__", "pull_request"]
    list_select_related = ["pull_request"]
