"""Where each repository's deployments come from, and corrections of deployments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.audit.record import record
from apps.integrations.connection.sentences import installation_page
from apps.integrations.models import GitHubIntegration, IntegrationCredential, ProductionWalk
from apps.integrations.nudge import nudge
from apps.integrations.storing import corrections, recounting
from apps.integrations.sync.production import walk_of
from apps.integrations.views import answers
from apps.metrics.models import Application, Deployment, Production, Repository, Source
from apps.metrics.pages import production_sentences as sentences
from apps.metrics.pages.production import sources_of
from apps.teams.access import TeamRequest, team_view, wants_json
from apps.teams.models import Team
from apps.teams.wording import caption

PER_PAGE = 50
LARGEST = 2**63 - 1  # the largest number that a database accepts
LONGEST_WORKFLOW, LONGEST_PATTERN = 255, 200
VERDICTS = {"failed": True, "not-failed": False, "clear": None}
SAID = {
    "failed": "It counts as failed.",
    "not-failed": "It does not count as failed.",
    "clear": "The correction is removed; the evidence applies again.",
}
FILTERS = {
    "": "All",
    "without": "Without a source",
    "with": "With a source",
    "refused": "Not granted",
}
IS_TOLD = ~Q(production__source="") & Q(production__isnull=False)


@dataclass(frozen=True)
class Row:
    """A repository with the source of its deployments, and its applications."""

    repository: Repository
    production: Production | None
    applications: Sequence[Application]

    @property
    def source(self) -> str:
        """The source in a few words."""
        return sentences.source(self.production)

    @property
    def chosen(self) -> str:
        """The admin's choice; empty if the source is detected."""
        return self.production.source if self.production and self.production.is_chosen else ""

    @property
    def reason(self) -> str:
        """Why this source applies."""
        return sentences.reason(self.production, self.applications)

    @property
    def missing(self) -> str:
        """Permissions that GitHub does not grant."""
        return sentences.missing(self.production.not_granted) if self.production else ""

    @property
    def problem(self) -> str:
        """Why its deployments cannot be read."""
        walk: ProductionWalk | None = getattr(self.repository.tracking, "production", None)
        return walk.error if walk else ""

    @property
    def environments(self) -> str:
        """The environments that GitHub reported, with the number of deployments of each."""
        environments = self.production.environments if self.production else {}
        return ", ".join(f"{name} ({count:,})" for name, count in sorted(environments.items()))


@require_GET
@team_view()
def sources(request: TeamRequest) -> HttpResponse:
    """The tracked repositories, and the source of each one's deployments."""
    search = request.GET.get("q", "").replace("\0", "").strip()[:200]
    show = request.GET.get("show", "")
    show = show if show in FILTERS else ""
    found = _repositories(request.team, search, show)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page", "1"))
    rows = _rows(list(page.object_list))
    if wants_json(request):
        return JsonResponse({"repositories": [as_data(row) for row in rows]})
    context = {
        "page": page,
        "caption": caption(page, "repository", "repositories"),
        "rows": rows,
        "search": search,
        "show": show,
        "filters": FILTERS,
        "query": urlencode({k: v for k, v in (("q", search), ("show", show)) if v}),
        "is_admin": request.membership.is_admin,
        "sources": sources_of(request.team),
        "grants": _grants(request.team),
    }
    return answers.page(request, "production_sources", context)


def _repositories(team: Team, search: str, show: str) -> QuerySet[Repository]:
    found = Repository.objects.for_team(team).filter(tracking__is_active=True)
    if search:
        found = found.filter(full_name__icontains=search)
    if show in ("with", "without"):
        found = found.filter(IS_TOLD if show == "with" else ~IS_TOLD)
    if show == "refused":
        found = found.filter(production__isnull=False).exclude(production__not_granted=[])
    found = found.select_related("production", "tracking__production")
    return found.order_by("full_name", "pk")


def _rows(found: Sequence[Repository]) -> list[Row]:
    named = Application.objects.filter(repository__in=found, is_current=True)
    by_repository: dict[int, list[Application]] = {}
    for each in named.order_by("environment", "pk"):
        by_repository.setdefault(each.repository_id, []).append(each)
    return [
        Row(each, getattr(each, "production", None), by_repository.get(each.pk, []))
        for each in found
    ]


def as_data(row: Row) -> dict[str, Any]:
    """A repository's source as JSON."""
    production = row.production
    return {
        "github_repo_id": row.repository.github_repo_id,
        "full_name": row.repository.full_name,
        "source": production.source if production else "",
        "is_chosen": bool(production and production.is_chosen),
        "workflow": production.workflow if production else "",
        "tag_pattern": production.tag_pattern if production else "",
        "reason": row.reason,
        "not_granted": production.not_granted if production else [],
        "applications": [each.environment for each in row.applications],
    }


CHOICES = (
    ("", "Detected automatically", "GitHub deployments to production, else published releases."),
    ("deployment", "GitHub deployments", "To environments of production, when they succeed."),
    ("release", "Releases", "When one is published; no drafts and no prereleases."),
    ("workflow", "Runs of a workflow", "When one succeeds on the default branch. Name it below."),
    ("merge", "Merges", "Each merge into the default branch is live at once."),
)


@require_http_methods(["GET", "HEAD", "POST"])
@team_view("admin")
def source(request: TeamRequest, github_repo_id: int) -> HttpResponse:
    """Stores an admin's choice for a repository; an empty source means detection."""
    repository = _tracked(request.team, github_repo_id)
    if request.method == "POST":
        return _choose(request, repository)
    [row] = _rows([repository])
    if wants_json(request):
        return JsonResponse(as_data(row))
    return answers.page(request, "production_source", {"row": row, "choices": CHOICES})


def _choose(request: TeamRequest, repository: Repository) -> HttpResponse:
    try:
        sent = answers.sent(request, "source", "workflow", "tag_pattern")
        wanted = _Wanted.from_form(sent)
    except (answers.BadBodyError, _WrongChoiceError) as error:
        return _refused(request, str(error))
    recounting.choose(
        repository, wanted.source, workflow=wanted.workflow, tag_pattern=wanted.tag_pattern
    )
    _look_anew(repository)
    record(
        "production.source_chosen",
        team_id=request.team.pk,
        request=request,
        object_name=repository.full_name,
        source=wanted.source or "detected automatically",
        workflow=wanted.workflow,
        tag_pattern=wanted.tag_pattern,
    )
    if wants_json(request):
        [row] = _rows(list(_repositories(request.team, "", "").filter(pk=repository.pk)))
        return JsonResponse(as_data(row))
    said = f"The source of {repository.full_name} is saved; its figures are being recalculated."
    return answers.back(request, "production_sources", said=said)


def _tracked(team: Team, github_repo_id: int) -> Repository:
    rows = _repositories(team, "", "").filter(github_repo_id=min(github_repo_id, LARGEST))
    found = rows.first()
    if found is None:
        raise Http404("This repository is not tracked.")
    return found


class _WrongChoiceError(ValueError):
    """An invalid choice; its text is a sentence for the user."""


@dataclass(frozen=True)
class _Wanted:
    """What an admin chose."""

    source: str
    workflow: str
    tag_pattern: str

    @classmethod
    def from_form(cls, sent: Mapping[str, Any]) -> _Wanted:
        names = ("source", "workflow", "tag_pattern")
        texts = [str(sent.get(name) or "").replace("\0", "").strip() for name in names]
        found = cls(*texts)
        if found.source not in ("", *Source.values):
            raise _WrongChoiceError("Choose a source from the list.")
        if found.source == Source.WORKFLOW and not found.workflow:
            raise _WrongChoiceError("Name the workflow whose runs deploy.")
        if len(found.workflow) > LONGEST_WORKFLOW or len(found.tag_pattern) > LONGEST_PATTERN:
            raise _WrongChoiceError("That name is too long.")
        return found


def _look_anew(repository: Repository) -> None:
    """Has unknown data fetched, and refused permissions tried again."""
    Production.objects.filter(repository=repository).update(not_granted=[])
    walk = walk_of(repository.tracking)
    ProductionWalk.objects.filter(pk=walk.pk).update(due_at=timezone.now())
    nudge()


def _refused(request: TeamRequest, sentence: str) -> HttpResponse:
    if wants_json(request):
        return answers.refused(sentence, "bad_choice")
    messages.error(request, sentence)
    return redirect("production_sources", request.team.slug)


@require_POST
@team_view()
def correct(request: TeamRequest, deployment: int) -> HttpResponse:
    """Stores a member's correction of whether a deployment failed."""
    rows = Deployment.objects.for_team(request.team)
    found = rows.filter(pk=min(deployment, LARGEST)).first()
    if found is None:
        raise Http404("The team has no such deployment.")
    try:
        sent = answers.sent(request, "verdict", "note")
        verdict = str(sent.get("verdict") or "")
        if verdict not in VERDICTS:
            raise _WrongChoiceError("Say whether it failed: failed, not-failed or clear.")
        note = str(sent.get("note") or "").replace("\0", "")
        row = corrections.correct(request, found, failed=VERDICTS[verdict], note=note)
    except (answers.BadBodyError, _WrongChoiceError, corrections.CorrectionError) as error:
        if wants_json(request):
            return answers.refused(str(error), "bad_correction")
        messages.error(request, str(error))
        return redirect("deployment", request.team.slug, found.pk)
    if wants_json(request):
        return JsonResponse(
            {
                "is_failed": row.is_failed,
                "failed_by": row.failed_by,
                "marked_failed": row.marked_failed,
                "mark_note": row.mark_note,
            }
        )
    messages.success(request, SAID[verdict])
    return redirect("deployment", request.team.slug, found.pk)


@dataclass(frozen=True)
class Grant:
    """Where an account's owner can grant missing permissions."""

    name: str
    how: str
    link: str
    label: str


def _grants(team: Team) -> list[Grant]:
    """For each account whose deployments GitHub does not let us read."""
    refused = Production.objects.for_team(team).exclude(not_granted=[])
    accounts = GitHubIntegration.objects.for_team(team).filter(
        tracked_repositories__repository__in=refused.values("repository"),
        tracked_repositories__is_active=True,
        disconnected_at=None,
    )
    return [_grant(each, team) for each in accounts.select_related("credential").distinct()]


def _grant(integration: GitHubIntegration, team: Team) -> Grant:
    if integration.credential.kind == IntegrationCredential.Kind.APP:
        return Grant(
            integration.organization_slug,
            "An owner of the account accepts the new permissions of the GitHub App there.",
            f"{installation_page(integration, settings.GITHUB_URL)}/permissions/update",
            "Review the request on GitHub",
        )
    return Grant(
        integration.organization_slug,
        "The token does not allow it. Connect again with one that does.",
        reverse("integrations", args=[team.slug]),
        "Connect again",
    )
