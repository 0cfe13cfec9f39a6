"""One pull request: its timeline to scale, and the explanation of its figures."""

from __future__ import annotations

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone

from apps.metrics.figures.waiting_queries import Wait, waits
from apps.metrics.filters.viewer import viewer_of
from apps.metrics.lists import export
from apps.metrics.models import PullRequest
from apps.metrics.pages import marks, reached, sentences
from apps.metrics.pages.coverage import not_tracked
from apps.metrics.pages.missing_fields import sentence, size
from apps.metrics.pages.timeline import as_data, reasons, timeline
from apps.teams.access import TeamRequest, team_view, wants_json


@team_view()
def pull_request(request: TeamRequest, owner: str, repository: str, number: int) -> HttpResponse:
    """For a repository whose pull requests are stored."""
    full_name = f"{owner}/{repository}".replace("\x00", "")
    rows = PullRequest.objects.for_team(request.team).filter(
        repository__full_name__iexact=full_name, number=number
    )
    # If two repositories have had this name, take the one that is still fetched by it.
    complete = rows.select_related("repository", "author").prefetch_related(
        # Most have none: asking then costs less than their columns in every query.
        *("reverts__repository", "deployment__application"),
        "timeline",
    )
    found = complete.order_by("-fetched_at", "-pk").first()
    if found is None:
        raise Http404("The team has no such pull request.")
    found.team = request.team
    now = timezone.now()
    drawn = timeline(found, now)
    if wants_json(request):
        [row] = export.pull_request_rows(rows.filter(pk=found.pk))
        return JsonResponse({**row, "timeline": as_data(drawn)})
    context = {
        "pull_request": found,
        "author_page": _person(request, found),
        "timeline": drawn,
        "reasons": reasons(found) if found.merged_at else [],
        "reached": reached.outcome(found),
        "why_deploy": reached.why_deploy(found) if found.merged_at else "",
        "reverted_by": found.reverted_by.select_related("repository").only(
            "number", "title", "repository__full_name"
        ),
        "size": size(found),
        "missing": sentence(found.missing_fields),
        "written": marks.sentence(found),
        "marks": marks.shown_marks(found),
        "outcome": sentences.outcome(found, (now - found.opened_at).total_seconds(), _wait(found)),
        "so_far": sentences.so_far(found, now),
        "not_tracked": not_tracked(request.team, found.repository),
    }
    return render(request, "metrics/pull_request.html", context)


def _wait(found: PullRequest) -> Wait | None:
    """Whom it waits for, while it is open."""
    if found.state != PullRequest.State.OPEN:
        return None
    return waits(found.team, [found])[0]


def _person(request: TeamRequest, found: PullRequest) -> int | None:
    """The person whose page the author's name links to; None if the viewer may not see one."""
    author = found.author
    if author is None or author.is_hidden or not viewer_of(request).sees(author.github_id):
        return None
    return author.github_id
