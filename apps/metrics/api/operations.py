"""`/api/v1/`: read-only access for programs with a team's key, to what the pages show.

Field names, units and filters are those of the exports and pages; the queries are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import wraps
from typing import Any, Literal, get_type_hints

from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja import Field, Query, Schema

from apps.metrics.api.access import (
    REFUSALS,
    Api,
    InvalidFiltersError,
    Key,
    PerKey,
    admitted,
    asked,
    describe_errors,
)
from apps.metrics.api.figures import (
    FlowReply,
    FreshnessReply,
    OverviewReply,
    PeopleReply,
    PersonFiguresReply,
    RepositoriesReply,
    RepositoryFiguresReply,
    ReviewFiguresReply,
    View,
    WrittenReply,
)
from apps.metrics.api.production import ProductionReply
from apps.metrics.api.rows import (
    CommitRow,
    DeploymentRow,
    MemberRow,
    PullRequestDetail,
    PullRequestRow,
    RepositoryRow,
    ReviewRow,
)
from apps.metrics.figures.behind import BEHIND
from apps.metrics.figures.current import one_state
from apps.metrics.filters.viewer import viewer_of
from apps.metrics.lists import explorer, export
from apps.metrics.lists.columns import COLUMNS
from apps.metrics.lists.saved import as_data
from apps.metrics.models import (
    Deployment,
    PRReview,
    PullRequest,
    PullRequestCommit,
    Repository,
    SavedView,
    TeamMember,
)
from apps.metrics.pages import ai, compare, flow, overview, person, production, repository
from apps.metrics.pages import reviews as review_page
from apps.metrics.pages.answer import Answer, current_version, describe
from apps.metrics.pages.timeline import as_data as timeline_data
from apps.metrics.pages.timeline import timeline
from apps.teams.models import Team

PAGE = 100
LARGEST_ID = 2**63 - 1

api = Api(
    title="tformance",
    version="1",
    description=__doc__,
    auth=Key(),
    throttle=PerKey(),
    urls_namespace="api-1",
    docs_url=None,  # Our own page needs neither a script nor megabytes.
)
describe_errors(api)


def _get(path: str, reply: Any, tag: str) -> Callable[[Any], Any]:
    def decorate(view: Callable[..., Any]) -> Any:
        query = get_type_hints(view).get("query")
        known = set(query.model_fields) if query else set()

        @wraps(view)
        def strict(request: HttpRequest, *args: Any, **more: Any) -> Any:
            _refuse_unknown(set(request.GET), known)
            return view(request, *args, **more)

        return api.get(path, response={200: reply, **REFUSALS}, tags=[tag])(strict)

    return decorate


def _refuse_unknown(names: set[str], known: set[str]) -> None:
    """Ignoring a misspelt filter would return the figures of everything."""
    if unknown := sorted(names - known):
        what = f"There is no parameter “{unknown[0][:60]}” here"
        raise InvalidFiltersError(
            f"{what}; choose from: {', '.join(sorted(known))}." if known else f"{what}."
        )


class FilterQuery(Schema):
    """The filters, as in the URL of a page."""

    range: Literal["4w", "3m", "12m", "all", "dates"] | None = Field(None, description="Period")
    since: date | None = Field(None, description="First day, with range=dates")
    until: date | None = Field(None, description="Last day, which is included")
    repo: list[str] = Field([], description="OWNER/REPO")
    person: list[str] = Field([], description="GitHub login of an author")
    group: list[str] = Field([], description="Slug of a GitHub team")
    base: list[str] = Field([], description="Base branch")
    label: list[str] = Field([], description="Label of a pull request; of several all")
    size: list[Literal["XS", "S", "M", "L", "XL"]] = Field(
        [], description="By lines changed, as the page “How we count” says"
    )
    written: list[Literal["people", "assisted", "agents"]] = Field(
        [],
        description="Who wrote it; people: no mark of writing was found, if only one of describing",
    )
    tool: list[str] = Field([], description="AI tool whose marks are on it; of several any")
    bots: bool = Field(
        False, description="Whether bots' pull requests count, too; agents' count anyway"
    )
    outsiders: Literal["0", "1"] | None = Field(
        None, description="0 leaves out those who are not in the organisation"
    )


class ListQuery(FilterQuery):
    """The options of a list of pull requests besides the filters."""

    state: Literal["merged", "open", "closed", "opened"] | None = None
    q: str = Field("", description="Words in the title, a number, or an address on GitHub")
    sort: str = Field(
        "", description=f"With - in front the greatest first; one of {', '.join(COLUMNS)}"
    )
    waiting: Literal["review", "author", "merge", "draft", "nobody", "discussion"] | None = None
    reviewed: Literal["yes", "no"] | None = None
    flag: list[
        Literal["revert", "hotfix", "old", "ready", "ai-reviewed", "ai-first", "ai-alone"]
    ] = []
    figure: str = Field("", description=f"Those behind a figure: one of {', '.join(BEHIND)}")
    after: str = Field("", description="`next` of the page before")
    before: str = Field("", description="`previous` of the page after")


class AfterQuery(Schema):
    """Where a list continues, and its repository."""

    repo: str = Field("", description="OWNER/REPO; empty: all")
    after: int = Field(0, ge=0, le=LARGEST_ID, description="`next` of the page before")


class TeamReply(Schema):
    """A team."""

    slug: str
    name: str
    timezone: str


class PullRequestsReply(Schema):
    """A page of pull requests; `next` is null on the last, `previous` on the first."""

    count: int
    pull_requests: list[PullRequestRow]
    next: str | None
    previous: str | None


class ReviewsReply(Schema):
    """A page of reviews."""

    reviews: list[ReviewRow]
    next: int | None


class CommitsReply(Schema):
    """A page of commits; a commit appears once for each pull request that has it."""

    commits: list[CommitRow]
    next: int | None


class DeploymentsReply(Schema):
    """A page of deployments."""

    deployments: list[DeploymentRow]
    next: int | None


@_get("/team", TeamReply, "team")
def team(request: HttpRequest) -> Team:
    """The team that the key belongs to."""
    return admitted(request).team


@_get("/freshness", FreshnessReply, "team")
def freshness(request: HttpRequest) -> dict[str, Any]:
    """How fresh and how complete the data is."""
    fresh, version = current_version(admitted(request).team)
    return {**vars(fresh), "fetched_at": version.fetched_at}


def _figures(page: Callable[..., Answer], request: HttpRequest, **arguments: Any) -> dict[str, Any]:
    """The JSON of a page."""
    found, filters = asked(request)
    if filters.refusal:
        raise InvalidFiltersError(filters.refusal)
    with one_state():
        return {**describe(filters), **page(found, filters, **arguments).data()}


def _bounded(number: int) -> int:
    # Databases refuse integers of more than 64 bits.
    return min(max(number, 0), LARGEST_ID)


@_get("/overview", OverviewReply, "figures")
def _overview(request: HttpRequest, query: Query[FilterQuery]) -> dict[str, Any]:
    """The overview's figures, the previous period's, and the trend; durations in seconds."""
    return _figures(overview.overview, request)


@_get("/flow", FlowReply, "figures")
def _flow(request: HttpRequest, query: Query[FilterQuery]) -> dict[str, Any]:
    """How long stages take, what waits and when, and how much is in progress."""
    return _figures(flow.flow, request)


@_get("/ai", WrittenReply, "figures")
def _ai(request: HttpRequest, query: Query[FilterQuery]) -> dict[str, Any]:
    """Who wrote what was merged, agents compared with people, and reviews by AI."""
    return _figures(ai.ai, request)


@_get("/production", ProductionReply, "figures")
def _production(request: HttpRequest, query: Query[FilterQuery]) -> dict[str, Any]:
    """Deployment frequency, change lead time, change fail rate, recovery time, rework rate."""
    return _figures(production.production, request)


@_get("/review-figures", ReviewFiguresReply, "figures")
def _review_figures(request: HttpRequest, query: Query[FilterQuery]) -> dict[str, Any]:
    """Load, response times and coverage of reviews."""
    return _figures(review_page.reviews, request)


@_get("/compare/repositories", RepositoriesReply, "figures")
def _repositories_compared(request: HttpRequest, query: Query[FilterQuery]) -> dict[str, Any]:
    """The team's repositories side by side."""
    return _figures(compare.repositories, request)


@_get("/compare/people", PeopleReply, "figures")
def _people_compared(request: HttpRequest, query: Query[FilterQuery]) -> dict[str, Any]:
    """The team's people side by side, the key's owner first."""
    return _figures(compare.people, request)


@_get("/compare/repositories/{github_repo_id}", RepositoryFiguresReply, "figures")
def _repository(
    request: HttpRequest, github_repo_id: int, query: Query[FilterQuery]
) -> dict[str, Any]:
    """One repository by GitHub's id: the figures of the overview for it alone."""
    return _figures(repository.repository, request, github_repo_id=_bounded(github_repo_id))


@_get("/compare/people/{github_id}", PersonFiguresReply, "figures")
def _person(request: HttpRequest, github_id: int, query: Query[FilterQuery]) -> dict[str, Any]:
    """One person by GitHub's id, if the key's owner may see their figures."""
    return _figures(person.person, request, github_id=_bounded(github_id))


@_get("/pull-requests", PullRequestsReply, "rows")
def pull_requests(request: HttpRequest, query: Query[ListQuery]) -> dict[str, Any]:
    """Pull requests as in the explorer, in pages of 50."""
    found, filters = asked(request)
    try:
        chosen = explorer.choice(request.GET, viewer_of(found))
    except explorer.BadAddressError as error:
        raise InvalidFiltersError(str(error)) from error
    with one_state():
        rows = explorer.matching(found.team, filters, chosen, timezone.now())
    page = explorer.page(rows, chosen)
    keys = [row.pk for row in page.rows]
    return {
        "count": len(rows),
        "pull_requests": explorer.data(keys, tuple(export.PULL_REQUEST_FIELDS)),
        "next": page.after or None,
        "previous": page.before or None,
    }


@_get("/pull-requests/{owner}/{name}/{number}", PullRequestDetail, "rows")
def pull_request(request: HttpRequest, owner: str, name: str, number: int) -> dict[str, Any]:
    """One pull request with its timeline."""
    full_name = f"{owner}/{name}".replace("\x00", "")
    found = PullRequest.objects.for_team(admitted(request).team).filter(
        repository__full_name__iexact=full_name, number=_bounded(number)
    )
    complete = found.select_related("repository", "author", "deployment__application")
    one = complete.order_by("-fetched_at", "-pk").first()  # the same choice as the page's
    if one is None:
        raise Http404("There is no such pull request.")
    [row] = export.pull_request_rows(found.filter(pk=one.pk))
    return {**row, "timeline": timeline_data(timeline(one, timezone.now()))}


@_get("/views", list[View], "team")
def views(request: HttpRequest) -> list[dict[str, Any]]:
    """The team's saved lists of pull requests."""
    found = SavedView.objects.for_team(admitted(request).team).select_related("made_by")
    return [as_data(view) for view in found]


@_get("/reviews", ReviewsReply, "rows")
def reviews(request: HttpRequest, query: Query[AfterQuery]) -> dict[str, Any]:
    """Every submitted review, in pages of 100."""
    found = PRReview.objects.for_team(admitted(request).team)
    return _rows("reviews", found, export.REVIEW_FIELDS, query, "pull_request__repository")


@_get("/commits", CommitsReply, "rows")
def commits(request: HttpRequest, query: Query[AfterQuery]) -> dict[str, Any]:
    """The commits of the pull requests, in pages of 100."""
    found = PullRequestCommit.objects.filter(pull_request__team=admitted(request).team)
    return _rows("commits", found, export.COMMIT_FIELDS, query, "pull_request__repository")


@_get("/deployments", DeploymentsReply, "rows")
def deployments(request: HttpRequest, query: Query[AfterQuery]) -> dict[str, Any]:
    """Deployments of the applications that count, in pages of 100."""
    found = Deployment.objects.for_team(admitted(request).team).filter(
        application__is_current=True, is_left_out=False
    )
    page, keys = _page(found, query, "application__repository")
    rows = export.deployment_rows(page.filter(pk__in=keys[:PAGE]))
    return {"deployments": list(rows), "next": _after(keys)}


@_get("/members", list[MemberRow], "people")
def members(request: HttpRequest) -> list[dict[str, Any]]:
    """The people and bots of the team's organisations."""
    found = TeamMember.objects.for_team(admitted(request).team).order_by("github_id")
    return list(export.rows(found, export.MEMBER_FIELDS))


@_get("/repositories", list[RepositoryRow], "rows")
def repositories(request: HttpRequest) -> Any:
    """The repositories whose pull requests are stored."""
    return Repository.objects.for_team(admitted(request).team)


def _rows(name: str, found: Any, fields: Any, query: AfterQuery, repository: str) -> dict[str, Any]:
    page, keys = _page(found, query, repository)
    return {
        name: list(export.rows(page.filter(pk__in=keys[:PAGE]), fields)),
        "next": _after(keys),
    }


def _page(found: Any, query: AfterQuery, repository: str) -> tuple[Any, list[int]]:
    """The page's cursors, and the keys of a page and of the row after it."""
    if query.repo:
        wanted = query.repo.replace("\x00", "")
        found = found.filter(**{f"{repository}__full_name__iexact": wanted})
    page = found.filter(pk__gt=query.after).order_by("pk")
    return page, list(page.values_list("pk", flat=True)[: PAGE + 1])


def _after(keys: list[int]) -> int | None:
    return keys[PAGE - 1] if len(keys) > PAGE else None
