"""`/api/v1/`: what the pages show, read-only, for programs that hold a key of a team.

Field names, units and filters are those of the exports and pages; the same queries answer.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Field, NinjaAPI, Query, Schema
from ninja.security import HttpBearer
from ninja.throttling import AuthRateThrottle

from apps.metrics import explorer, export, queries
from apps.metrics.api_rows import CommitRow, MemberRow, PullRequestRow, RepositoryRow, ReviewRow
from apps.metrics.filters import Choices, FilterForm, Filters, parse
from apps.metrics.models import PRReview, PullRequest, PullRequestCommit, Repository, TeamMember
from apps.metrics.page import describe, figures_data
from apps.metrics.viewer import viewer_with
from apps.teams import api_keys
from apps.teams.models import ApiKey, Team

PAGE = 100
LARGEST_ID = 2**63 - 1


class Key(HttpBearer):
    """`Authorization: Bearer tfk_…`, a key from the team's settings."""

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey | None:
        """The key, or None for a text that is none."""
        return api_keys.find(token) if "\x00" not in token else None


class PerKey(AuthRateThrottle):
    """Counts for each key on its own."""

    def get_cache_key(self, request: HttpRequest) -> str:
        """A key's own count."""
        return f"api-key-{request.auth.pk}"  # type: ignore[attr-defined]


api = NinjaAPI(
    title="tformance",
    version="1",
    description=__doc__,
    auth=Key(),
    throttle=PerKey("600/m"),
    urls_namespace="api-1",
    docs_url=None,  # The page of our own needs neither a script nor megabytes.
)


class InvalidFiltersError(Exception):
    """Filters that say what there is not; its arguments are sentences."""


@api.exception_handler(InvalidFiltersError)
def _refuse(request: HttpRequest, error: InvalidFiltersError) -> HttpResponse:
    return api.create_response(request, {"errors": list(error.args)}, status=400)


class FilterQuery(Schema):
    """The filter bar: as in the address of a page."""

    range: Literal["4w", "3m", "12m", "all", "dates"] | None = Field(None, description="Period")
    since: date | None = Field(None, description="First day, with range=dates")
    until: date | None = Field(None, description="Last day, which is included")
    repo: list[str] = Field([], description="OWNER/REPO")
    person: list[str] = Field([], description="GitHub login of an author")
    group: list[str] = Field([], description="Slug of a GitHub team")
    base: list[str] = Field([], description="Base branch")
    label: list[str] = []
    size: list[Literal["XS", "S", "M", "L", "XL"]] = []
    bots: bool = False
    outsiders: Literal["0", "1"] | None = Field(None, description="0 leaves outsiders out")


class ListQuery(FilterQuery):
    """What a list of pull requests shows beside the filters."""

    state: Literal["merged", "open", "closed", "opened"] | None = None
    q: str = Field("", description="Words in the title")
    sort: str = Field("", description="A column; with - in front the greatest first")
    waiting: Literal["review", "author", "merge", "draft", "discussion"] | None = None
    reviewed: Literal["yes", "no"] | None = None
    flag: list[Literal["revert", "hotfix", "old"]] = []
    after: str = Field("", description="`next` of the page before")


class AfterQuery(Schema):
    """Where a list goes on, and of which repository it is."""

    repo: str = Field("", description="OWNER/REPO; empty: all")
    after: int = Field(0, ge=0, le=LARGEST_ID, description="`next` of the page before")


class TeamReply(Schema):
    """A team."""

    slug: str
    name: str
    timezone: str


class PullRequestsReply(Schema):
    """A page of pull requests; `next` is null on the last."""

    count: int
    pull_requests: list[PullRequestRow]
    next: str | None


class ReviewsReply(Schema):
    """A page of reviews."""

    reviews: list[ReviewRow]
    next: int | None


class CommitsReply(Schema):
    """A page of commits, each once for each pull request that has it."""

    commits: list[CommitRow]
    next: int | None


class Errors(Schema):
    """What is wrong with a request, in sentences."""

    errors: list[str]


def _team(request: HttpRequest) -> Team:
    team: Team = request.auth.team  # type: ignore[attr-defined]
    return team


def _filters(request: HttpRequest) -> Filters:
    team = _team(request)
    form = FilterForm(request.GET, Choices.of(viewer_with(request.auth)))  # type: ignore[attr-defined]
    if not form.is_valid():
        raise InvalidFiltersError(*form.sentences)
    return parse(form, team, queries.data_version(team).first_opened_at)


@api.get("/team", response=TeamReply, tags=["team"])
def team(request: HttpRequest) -> Team:
    """The team that the key belongs to."""
    return _team(request)


@api.get("/overview", response={200: dict[str, Any], 400: Errors}, tags=["figures"])
def overview(request: HttpRequest, query: Query[FilterQuery]) -> dict[str, Any]:
    """The overview's figures, the previous period's, and the trend; durations in seconds."""
    filters = _filters(request)
    now, before = queries.figures_and_before(_team(request), filters)
    points = queries.series(_team(request), filters)
    return {
        **describe(filters),
        "figures": figures_data(now),
        "previous": figures_data(before),
        "series": [
            {"name": p.span.name, "figures": figures_data(p.figures) if p.figures else None}
            for p in points
        ],
    }


@api.get("/pull-requests", response={200: PullRequestsReply, 400: Errors}, tags=["rows"])
def pull_requests(request: HttpRequest, query: Query[ListQuery]) -> dict[str, Any]:
    """Pull requests of the explorer, in pages of 50."""
    filters = _filters(request)
    try:
        chosen = explorer.choice(request.GET)
        found = explorer.matching(_team(request), filters, chosen)
        page = explorer.page(found, chosen)
    except explorer.BadAddressError as error:
        raise InvalidFiltersError(str(error)) from error
    rows = PullRequest.objects.filter(pk__in=[row.pk for row in page.rows])
    by_key = {(r["repository"], r["number"]): r for r in export.pull_request_rows(rows)}
    return {
        "count": found.count(),
        "pull_requests": [by_key[row.repository.full_name, row.number] for row in page.rows],
        "next": page.after or None,
    }


@api.get("/pull-requests/{owner}/{name}/{number}", response=PullRequestRow, tags=["rows"])
def pull_request(request: HttpRequest, owner: str, name: str, number: int) -> dict[str, Any]:
    """One pull request."""
    full_name = f"{owner}/{name}".replace("\x00", "")
    found = PullRequest.objects.for_team(_team(request)).filter(
        repository__full_name__iexact=full_name, number=min(max(number, 0), LARGEST_ID)
    )
    row: dict[str, Any] | None = next(iter(export.pull_request_rows(found)), None)
    if row is None:
        raise Http404("There is no such pull request.")
    return row


@api.get("/reviews", response=ReviewsReply, tags=["rows"])
def reviews(request: HttpRequest, query: Query[AfterQuery]) -> dict[str, Any]:
    """Every submitted review, in pages of 100."""
    found = PRReview.objects.for_team(_team(request))
    return _rows("reviews", found, export.REVIEW_FIELDS, query, "pull_request__repository")


@api.get("/commits", response=CommitsReply, tags=["rows"])
def commits(request: HttpRequest, query: Query[AfterQuery]) -> dict[str, Any]:
    """The commits of the pull requests, in pages of 100."""
    found = PullRequestCommit.objects.filter(pull_request__team=_team(request))
    return _rows("commits", found, export.COMMIT_FIELDS, query, "pull_request__repository")


@api.get("/members", response=list[MemberRow], tags=["people"])
def members(request: HttpRequest) -> list[dict[str, Any]]:
    """The people and bots of the team's organisations."""
    found = TeamMember.objects.for_team(_team(request)).order_by("github_id")
    return list(export.rows(found, export.MEMBER_FIELDS))


@api.get("/repositories", response=list[RepositoryRow], tags=["rows"])
def repositories(request: HttpRequest) -> Any:
    """The repositories whose pull requests the team keeps."""
    return Repository.objects.for_team(_team(request))


def _rows(name: str, found: Any, fields: Any, query: AfterQuery, repository: str) -> dict[str, Any]:
    if query.repo:
        wanted = query.repo.replace("\x00", "")
        found = found.filter(**{f"{repository}__full_name__iexact": wanted})
    page = found.filter(pk__gt=query.after).order_by("pk")
    keys = list(page.values_list("pk", flat=True)[: PAGE + 1])
    rows = export.rows(page.filter(pk__in=keys[:PAGE]), fields)
    return {name: list(rows), "next": keys[PAGE - 1] if len(keys) > PAGE else None}
