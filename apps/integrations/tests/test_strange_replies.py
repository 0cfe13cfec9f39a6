"""How a sync handles rare responses of GitHub, as documented."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from apps.integrations.github.documents import document, pull_requests_in_parts
from apps.integrations.models import (
    IntegrationCredential,
    RateBudget,
    StalePullRequest,
    SyncStatus,
    TrackedRepository,
)
from apps.integrations.sync import stale
from apps.integrations.tests import comparison
from apps.integrations.tests.stage import Place, Stage, ago, let_time_pass, work
from apps.metrics.models import PullRequest
from github_simulator import actions
from github_simulator.truth import truth

pytestmark = pytest.mark.django_db
Json = dict[str, Any]
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes."
REVIEWER = {"type": "INSUFFICIENT_SCOPES", "message": "The field requires read:org."}


@pytest.fixture
def shop(stage: Stage) -> Place:
    place = stage.track("shop")
    place.open_many(30, newest=ago(days=1), every=timedelta(hours=5))
    return place


def say(shop: Place, body: Any, **more: Any) -> None:
    """GitHub's next response."""
    shop.strike("reply", body=body, times=1, **more)


def true_page(shop: Place) -> Json:
    """GitHub's true response to the first query."""
    variables = {"owner": "acme", "name": "shop", "first": 25, "after": None}
    reply = httpx.post(
        f"{shop.github.url}/api/graphql",
        json={"query": document("pull_requests"), "variables": variables},
        headers={"Authorization": f"Bearer {shop.github.token}"},
    )
    return dict(reply.json())


def at_page(*below: str | int) -> list[str | int]:
    return ["repository", "pullRequests", "nodes", *below]


def assert_whole(stage: Stage) -> None:
    row = stage.tracked("shop")
    assert (row.status, row.error) == (SyncStatus.COMPLETE, "")
    there = stage.github.simulator.world.repositories[row.github_repo_id]
    assert comparison.differences(row.repository, truth(there)) == []


def wait_of(stage: Stage) -> float:
    """Seconds until the repository is due again."""
    due_at = stage.tracked("shop").due_at
    assert due_at
    return (due_at - datetime.now(UTC)).total_seconds()


def test_it_works(stage: Stage, shop: Place) -> None:
    say(shop, {**true_page(shop), "errors": None})
    stage.sync()
    assert_whole(stage)


def test_an_enterprise_server_without_limits(stage: Stage, shop: Place) -> None:
    shop.github.simulator.limits.enabled = False
    page = true_page(shop)
    page["data"]["rateLimit"] = None
    say(shop, page)
    stage.sync()
    assert_whole(stage)
    assert not RateBudget.objects.exists()


def test_an_enterprise_server_that_is_too_old(stage: Stage, shop: Place) -> None:
    shop.github.simulator.lacks = frozenset({"PullRequest.fullDatabaseId"})
    error = stage.sync().error
    assert (
        "Field 'fullDatabaseId' doesn't exist on type 'PullRequest'. An Enterprise Server" in error
    )
    assert "may be too old" in error


ALLOW_LIST = (
    "Although you appear to have the correct authorization credentials, the `acme` organization "
    "has an IP allow list enabled, and your IP address is not permitted to access this resource."
)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"message": ALLOW_LIST}, 403),
        (
            {
                "data": {"repository": None},
                "errors": [{"type": "FORBIDDEN", "path": ["repository"], "message": ALLOW_LIST}],
            },
            200,
        ),
    ],
)
def test_an_ip_allow_list_is_reported(stage: Stage, shop: Place, body: Json, status: int) -> None:
    say(shop, body, status=status)
    run = stage.sync()
    assert run.status == SyncStatus.ERROR
    assert "IP allow list keeps tformance out. An owner of the organisation can add" in run.error


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"message": SECONDARY, "documentation_url": "https://docs.github.com/"}, 200),
        ({"message": SECONDARY, "documentation_url": "https://docs.github.com/"}, 429),
        ({"errors": [{"type": "RATE_LIMITED", "message": SECONDARY}]}, 200),
        ({"data": None, "errors": [{"message": SECONDARY}]}, 403),
    ],
)
def test_a_secondary_limit_in_any_shape_is_a_minute(
    stage: Stage, shop: Place, body: Json, status: int
) -> None:
    say(shop, body, status=status)
    stage.sync()
    assert stage.tracked("shop").status == SyncStatus.WAITING
    assert 50 < wait_of(stage) < 70
    let_time_pass(seconds=70)
    work()
    assert_whole(stage)


@pytest.mark.parametrize(
    ("status", "body", "asked", "wait"),
    [
        (403, {"message": SECONDARY}, "7200", 7200),
        (403, {"message": SECONDARY}, "7199.5", 7200),
        (429, {"message": SECONDARY}, "two hours later", 7200),
        (503, {"message": "Come back later."}, "7200", 7200),
        (429, {"message": "Too many requests"}, "", 60),
        (429, {"message": "Too many requests"}, "soon", 60),
        (429, "<html>Whoa there!</html>", "", 60),
        (429, "", "two hours later", 7200),
    ],
)
def test_a_wait_that_github_names_is_never_cut_short(
    stage: Stage, shop: Place, status: int, body: Any, asked: str, wait: int
) -> None:
    headers = {"content-type": "text/html"} if isinstance(body, str) else {}
    if asked == "two hours later":
        asked = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    if asked:
        headers["retry-after"] = asked
    say(shop, body, status=status, headers=headers)
    stage.sync()
    assert stage.tracked("shop").status == SyncStatus.WAITING
    assert wait - 60 < wait_of(stage) < wait + 60


PAGE = "<!DOCTYPE html><title>Your company's proxy</title>"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        *[(status, PAGE) for status in (200, 400, 401, 403, 404, 407, 410, 418, 422, 451, 502)],
        *[(302, ""), (421, "")],
    ],
)
def test_what_something_else_answers_is_no_refusal_of_githubs(
    stage: Stage, shop: Place, status: int, body: str
) -> None:
    say(shop, body, status=status, headers={"content-type": "text/html"})
    say(shop, body, status=status, headers={"content-type": "text/html"})
    stage.sync()
    assert stage.tracked("shop").status == SyncStatus.WAITING
    for _ in range(2):
        let_time_pass(minutes=1)
        work()
    assert_whole(stage)


@pytest.mark.parametrize(
    "said", ["Sorry. Your account was suspended.", "Your account is suspended."]
)
def test_a_token_of_a_suspended_account_is_refused_as_a_whole(
    stage: Stage, shop: Place, said: str
) -> None:
    shop.strike("reply", body={"message": said}, status=403)
    assert said.rstrip(".") in stage.sync().error
    assert IntegrationCredential.objects.get().rejected_at


@pytest.mark.parametrize("header", ["", "required; url=https://github.com/orgs/acme/sso?x=1"])
def test_single_sign_on_is_told_in_any_shape(stage: Stage, shop: Place, header: str) -> None:
    said = "Resource protected by organization SAML enforcement. You must grant your OAuth token."
    say(shop, {"message": said}, status=403, headers={"x-github-sso": header})
    assert "single sign-on" in stage.sync().error


def test_nothing_left_in_a_good_reply_keeps_the_page(stage: Stage, shop: Place) -> None:
    page = true_page(shop)
    page["data"]["rateLimit"]["remaining"] = 0
    say(shop, page)
    stage.sync()
    assert PullRequest.objects.count() == 25
    assert stage.tracked("shop").status == SyncStatus.WAITING
    let_time_pass(hours=1)
    work()
    assert_whole(stage)


def test_a_reviewer_that_the_token_may_not_see_spoils_nothing(stage: Stage, shop: Place) -> None:
    newest = shop.repository.pull_requests[30]
    actions.request_review(shop.deed(ago(hours=2)), newest, shop.person())
    page = true_page(shop)
    (event,) = page["data"]["repository"]["pullRequests"]["nodes"][0]["timelineItems"]["nodes"]
    event["requestedReviewer"] = None
    path = at_page(0, "timelineItems", "nodes", 0, "requestedReviewer")
    say(shop, {**page, "errors": [{**REVIEWER, "path": path}]})
    assert stage.sync().status == SyncStatus.COMPLETE
    assert PullRequest.objects.count() == 30
    assert stage.row(newest).timeline.get().reviewer_login is None


def test_data_below_an_error_is_requested_separately(stage: Stage, shop: Place) -> None:
    newest = shop.repository.pull_requests[30]
    page = true_page(shop)
    page["data"]["repository"]["pullRequests"]["nodes"][0]["reviews"] = None
    wrong = {"type": "INTERNAL", "message": "Reviews failed.", "path": at_page(0, "reviews")}
    say(shop, {**page, "errors": [wrong]})
    stage.sync()
    assert stage.row(newest).missing_fields == {}
    assert_whole(stage)


def say_nothing_in_parts(shop: Place) -> None:
    """GitHub returns nothing of a pull request that is requested field by field either."""
    nothing = {f"part{n}": [None] for n in range(pull_requests_in_parts()[1])}
    say(shop, {"data": nothing}, contains="PullRequestsInParts")


def test_one_that_is_withheld_later_is_kept(stage: Stage, shop: Place) -> None:
    stage.sync()
    pull = shop.repository.pull_requests[7]
    stale.mark(stage.tracked("shop"), [(7, pull.node_id)], ago())
    actions.edit(shop.deed(), pull, "title", "Changed")
    wrong = {"type": "INTERNAL", "message": "It failed.", "path": ["nodes", 0]}
    say(shop, {"data": {"nodes": [None]}, "errors": [wrong]})
    say_nothing_in_parts(shop)
    work()
    assert StalePullRequest.objects.get().error == "It failed."
    let_time_pass(hours=1)
    work()
    assert stage.row(pull).title == "Changed"
    assert not StalePullRequest.objects.exists()


def test_one_that_cannot_be_read_is_kept_when_hooks_use_its_former_id(
    stage: Stage, shop: Place
) -> None:
    stage.sync()
    pull = shop.repository.pull_requests[7]
    stale.mark(stage.tracked("shop"), [(7, "MDExOlB1bGxSZXF1ZXN0Nw==")], ago())
    node = {"id": pull.node_id, "number": 7, "updatedAt": "2026-09-01T00:00:00Z", "title": None}
    say(shop, {"data": {"nodes": [node]}})
    say_nothing_in_parts(shop)
    work()
    assert StalePullRequest.objects.get().attempts == 1


@pytest.mark.parametrize("cursor", [None, ""])
def test_a_page_without_progress_is_not_requested_forever(
    stage: Stage, shop: Place, cursor: str | None
) -> None:
    page = true_page(shop)
    page["data"]["repository"]["pullRequests"]["pageInfo"]["endCursor"] = cursor
    shop.strike("reply", body=page)
    stage.sync()
    assert stage.tracked("shop").error == "GitHub sent the same page twice."
    shop.heal()
    let_time_pass(minutes=10)
    work()
    assert_whole(stage)


def test_pull_requests_that_the_token_may_not_read(stage: Stage, shop: Place) -> None:
    page = true_page(shop)
    page["data"]["repository"]["pullRequests"] = None
    refused = {"type": "FORBIDDEN", "message": "Resource not accessible by personal access token"}
    say(shop, {**page, "errors": [{**refused, "path": ["repository", "pullRequests"]}]})
    assert stage.sync().status == SyncStatus.ERROR
    error = stage.tracked("shop").error
    assert "Resource not accessible by personal access token" in error
    assert "grant all that is asked for" in error


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("FORBIDDEN", "Although you appear to have the correct authorization"),
        ("NOT_FOUND", "GitHub no longer shows this repository."),
        ("INTERNAL", ""),
    ],
)
def test_a_poll_says_why_a_repository_is_not_shown(
    stage: Stage, shop: Place, kind: str, expected: str
) -> None:
    stage.sync()
    message = "Although you appear to have the correct authorization credentials, it is refused."
    wrong = {"type": kind, "message": message, "path": ["nodes", 0]}
    say(shop, {"data": {"nodes": [None]}, "errors": [wrong]})
    stage.poll()
    row = TrackedRepository.objects.get()
    assert row.error.find(expected) >= 0
    assert (row.status == SyncStatus.ERROR) == bool(expected)
    stage.poll()
    assert_whole(stage)  # It is shown again.


@pytest.mark.parametrize("kind", ["null_data", "server_error"])
def test_a_poll_of_many_asks_about_fewer_where_github_gives_up(
    stage: Stage, shop: Place, kind: str
) -> None:
    others = [stage.track(f"other-{number}") for number in range(5)]
    stage.sync()
    for other in others:
        other.open(ago(minutes=1))
    shop.strike(kind, contains="query NewestChanges(", nth=1)
    stage.poll()
    assert PullRequest.objects.filter(repository__full_name__contains="other").count() == 5
