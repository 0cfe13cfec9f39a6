"""The pages of production as Alice, Bob and Charlie see them."""

from __future__ import annotations

import csv
import io
import json
import re
import statistics
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.metrics.lists.deployments import SHOWN
from apps.metrics.models import Application, Deployment, Production, PullRequest, Repository
from apps.metrics.templatetags.figures import figure_text
from apps.metrics.tests.factories import (
    Review,
    make_member,
    make_pull_request,
    make_repository,
    make_team,
)
from apps.metrics.tests.production_factories import (
    make_application,
    make_deployment,
    make_failed,
)
from apps.metrics.tests.test_api import make_key
from apps.teams.models import Team
from apps.teams.templatetags.display import duration_text

pytestmark = pytest.mark.django_db
PRODUCTION = "/a/acme/production/"
DEPLOYMENTS = "/a/acme/production/deployments/"
JSON = {"Accept": "application/json"}
HOUR = 3600


def recent(days: float) -> Any:
    return timezone.now().replace(microsecond=0) - timedelta(days=days)


def said(page: str) -> str:
    """What a user reads: the page without its markup, in single spaces."""
    text = re.sub(r"<[^>]+>", " ", page.partition('<main id="main"')[2])
    return (
        " ".join(text.replace("\N{NO-BREAK SPACE}", " ").split())
        .replace(" .", ".")
        .replace(" ,", ",")
    )


@pytest.fixture
def shop(team: Team) -> Repository:
    return make_repository(team)


@pytest.fixture
def live(shop: Repository) -> Application:
    return make_application(shop)


@pytest.fixture
def merged(shop: Repository) -> list[PullRequest]:
    """Three, each merged ten hours after its opening; the last one not deployed yet."""
    alice, bob = make_member(shop.team, "alice"), make_member(shop.team, "bob")
    return [
        make_pull_request(
            shop,
            author=alice,
            opened_at=recent(days),
            reviews=[Review(bob, 2), Review(bob, 5)],
            title=title,
            fields=fields,
        )
        for days, title, fields in (
            (20, "Handle empty carts", {}),
            (19, "Revert “Handle empty carts”", {"is_revert": True}),
            (3, "Paginate orders", {}),
        )
    ]


@pytest.fixture
def deployed(live: Application, merged: list[PullRequest]) -> list[Deployment]:
    """The first, one that failed, a rollback, one that reverts, a failed job."""
    carts, revert, _ = merged
    first = make_deployment(live, recent(25), is_first=True)
    failed = make_deployment(live, carts.opened_at + timedelta(hours=14), [carts])
    back = make_deployment(live, carts.opened_at + timedelta(hours=16), is_rollback=True)
    make_failed(failed, back)
    mending = make_deployment(live, revert.opened_at + timedelta(hours=12), [revert], name="v7")
    never = make_deployment(live, None, requested_at=recent(2), state="failure")
    return [first, failed, back, mending, never]


def test_it_works(deployed: list[Deployment], bob_client: Client) -> None:
    page = said(bob_client.get(PRODUCTION).content.decode())
    assert "3 deployments of 1 application in 91 days brought 2 pull requests" in page
    assert "in production within 13 h of their first commit" in page
    assert "Change fail rate 33 % no data before 1 of 3 deployments" in page
    assert "Change fail rate 1 rolled back" in page
    assert "Recovery time 2 h" in page
    assert "Rework rate 50 % no data before 1 of 2 deployments with a pull request" in page
    assert "1 rollback not counted" in page
    assert "The last seven days are provisional" in page
    assert "Merged, not deployed yet All 1" in page
    assert "1 deployment that never succeeded" in page
    assert "Deploy 23.1 %" in page
    assert "A pull request counts for the application" not in page


def test_programs_get_the_same_figures(deployed: list[Deployment], bob_client: Client) -> None:
    reply = bob_client.get(PRODUCTION, headers=JSON).json()
    figures = reply["figures"]
    assert figures["deployments"] == 3
    assert figures["change_fail_rate"] == pytest.approx(1 / 3)
    assert figures["lead_time"]["median"] == 13 * HOUR
    assert figures["deploy_time"]["median"] == 3 * HOUR
    assert figures["recovery_time"]["median"] == 2 * HOUR
    assert figures["mean_lead_time"] == pytest.approx(sum(figures["mean_stages"].values()))
    assert figures["failed_by"]["rollback"] == 1
    assert reply["previous"]["deployments"] == 0
    assert reply["left_out"]["not_deployed"] == 1
    assert reply["left_out"]["failed_jobs"] == 1
    [application] = reply["applications"]
    assert application["environment"] == "production"
    assert application["figures"]["deployments"] == 3
    # One that cannot be placed only counts in the frequency.
    make_deployment(deployed[0].application, recent(3), is_unplaced=True)
    figures = bob_client.get(PRODUCTION, headers=JSON).json()["figures"]
    assert figures["deployments"] == 4
    assert figures["change_fail_rate"] == pytest.approx(1 / 3)


LED = re.compile(
    r'<a\b[^>]*href="(/a/acme/production/deployments/\?[^"]*)"[^>]*>(.*?)</a>', re.DOTALL
)


@pytest.fixture
def eventful(
    deployed: list[Deployment], live: Application, shop: Repository, merged: list[PullRequest]
) -> Application:
    """Deployments of every kind, and another application that brings all of it later: returned."""
    # A range of days begins no earlier than the first pull request.
    make_pull_request(shop, opened_at=recent(40), state="closed")
    make_deployment(live, recent(18), is_repeat=True)
    make_deployment(live, recent(17.5), is_restore=True)
    make_deployment(live, recent(17), is_restore=True)
    make_deployment(live, recent(16), is_unplaced=True)
    make_deployment(live, recent(15))
    person: dict[str, Any] = {"is_failed": True, "failed_by": "person", "marked_failed": True}
    make_deployment(live, recent(14), **person)
    last = make_deployment(live, recent(11))
    for days, cause in ((13, "revert"), (12, "hotfix")):
        make_failed(make_deployment(live, recent(days)), last, cause)
    # One without a place in the order yet counts nowhere.
    make_deployment(live, recent(10), sequence=None)
    other = make_application(shop, "production-eu")
    make_deployment(other, recent(9), merged[:2])
    make_deployment(other, recent(8))
    return other


def test_every_number_leads_to_exactly_its_deployments(
    eventful: Application, bob_client: Client
) -> None:
    def rows(address: str, **changed: str) -> list[dict[str, Any]]:
        for name, value in changed.items():
            address = re.sub(rf"{name}=[^&]*", f"{name}={value}", address)
        reply = bob_client.get(address, headers=JSON).json()
        assert reply["count"] == len(reply["deployments"])
        return list(reply["deployments"])

    def texts(address: str) -> Iterator[str]:
        found = rows(address)
        yield f"{len(found) / (91 / 7):.1f}"
        for whole in ("judged", "bringing"):
            if among := rows(address, show=whole):
                yield figure_text(len(found) / len(among), "share")
        recovered = [row["recovery_time"] for row in found if row["recovery_time"] is not None]
        if recovered:
            yield duration_text(statistics.median(recovered))

    page = bob_client.get(PRODUCTION).content.decode()
    seen = set()
    for address, inner in LED.findall(page):
        text = " ".join(re.sub(r"<[^>]+>", "", inner).split())
        address = address.replace("&amp;", "&")
        if not re.search(r"\d", text):
            continue
        seen.add(re.search(r"show=([a-z-]+)", address)[1])  # type: ignore[index]
        if number := re.fullmatch(
            r"(?:All )?(\d+)( [a-z ]*(deployment|rollback|restore|repeat)s?)?", text
        ):
            assert len(rows(address)) == int(number[1]), (text, address)
        else:
            assert text in {each.replace("\xa0", " ") for each in texts(address)}, address
    assert seen == SHOWN.keys() - {"", "again"}


def test_an_application_that_brought_nothing_first_says_why_it_has_no_lead_time(
    eventful: Application, bob_client: Client
) -> None:
    page = said(bob_client.get(PRODUCTION).content.decode())
    assert "acme/shop production-eu 2 0.2 – – 0 % – 0 %" in page
    assert "A pull request counts for the application that brought it first" in page


def test_the_shares_of_the_stages_add_up(deployed: list[Deployment], bob_client: Client) -> None:
    page = said(bob_client.get(PRODUCTION).content.decode())
    table = page.partition("Share of time Mean Mean before")[2].partition("Change lead time")[0]
    shares = [Decimal(each) for each in re.findall(r"([\d.]+) %", table)]
    assert len(shares) == 5
    assert sum(shares) == 100


def test_outsiders_find_nothing(deployed: list[Deployment], charlie_client: Client) -> None:
    for path in (PRODUCTION, DEPLOYMENTS, f"{DEPLOYMENTS}{deployed[1].pk}/"):
        assert charlie_client.get(path).status_code == 404


def test_without_a_source_the_page_says_how_to_get_one(
    merged: list[PullRequest], alice_client: Client, bob_client: Client
) -> None:
    for client, offers in ((alice_client, "Choose a source"), (bob_client, "An admin of the team")):
        page = said(client.get(PRODUCTION).content.decode())
        assert "No source of deployments yet" in page
        assert offers in page
        assert "Change fail rate" not in page


def test_missing_permissions_are_reported_and_no_zero(
    deployed: list[Deployment], alice_client: Client, bob_client: Client
) -> None:
    other = make_repository(deployed[0].team, "acme/web")
    Production.objects.create(
        team=other.team, repository=other, not_granted=["deployments", "actions"]
    )
    page = said(alice_client.get(PRODUCTION).content.decode())
    assert "GitHub does not let us read Actions and Deployments of 1 repository." in page
    assert "Ask GitHub for it" in page
    page = said(bob_client.get(PRODUCTION).content.decode())
    assert "Ask an admin of the team to grant it." in page


def test_incomplete_reading_is_reported(deployed: list[Deployment], bob_client: Client) -> None:
    Production.objects.update(is_complete=False)
    page = said(bob_client.get(PRODUCTION).content.decode())
    assert "Deployments are still being read for 1 of 1 repository" in page
    # What is not read yet may well have been deployed.
    assert "Merged, not deployed yet" not in page


def test_only_changes_beyond_chance_are_reported(
    shop: Repository, live: Application, alice_client: Client
) -> None:
    """Three times as many deployments, as quick as before."""
    make_deployment(live, recent(200), is_first=True)
    make_pull_request(shop, opened_at=recent(210))
    for period, number in ((0, 45), (1, 15)):
        for place in range(number):
            days = period * 28 + 1 + place * 26 / number
            pull_request = make_pull_request(shop, opened_at=recent(days + 1), ended=5)
            make_deployment(live, recent(days), [pull_request])
    reply = alice_client.get(f"{PRODUCTION}?range=4w", headers=JSON).json()
    assert reply["changes"]["deployments_per_week"] == "higher"
    assert reply["changes"]["lead_time"] is None
    page = said(alice_client.get(f"{PRODUCTION}?range=4w").content.decode())
    assert "Deployments a week: 200 % more than in the 28 days before." in page
    Production.objects.update(is_complete=False)
    shop.refresh_from_db()
    Repository.objects.filter(pk=shop.pk).update(revision=shop.revision + 1)
    reply = alice_client.get(f"{PRODUCTION}?range=4w", headers=JSON).json()
    assert set(reply["changes"].values()) == {None}


def test_the_list_has_every_deployment_in_pages(
    live: Application, merged: list[PullRequest], bob_client: Client
) -> None:
    for hours in range(120):
        make_deployment(live, recent(1 + hours // 2 / 24))
    ids: list[str] = []
    address: str | None = f"{DEPLOYMENTS}?range=4w"
    sizes = []
    while address:
        reply = bob_client.get(address, headers=JSON).json()
        sizes.append(len(reply["deployments"]))
        ids += [row["id"] for row in reply["deployments"]]
        last, address = reply, reply["next"]
    assert sizes == [50, 50, 20]
    assert len(set(ids)) == 120
    back = bob_client.get(last["previous"], headers=JSON).json()
    assert [row["id"] for row in back["deployments"]] == ids[50:100]
    for address, position in ((last["previous"], "51–100"), (back["next"], "101–120")):
        assert f"{position} of 120" in said(bob_client.get(address).content.decode())
    assert "120 deployments, the newest first" in said(bob_client.get(DEPLOYMENTS).content.decode())


def test_the_list_is_narrowed(deployed: list[Deployment], bob_client: Client) -> None:
    other = make_application(make_repository(deployed[0].team, "acme/web"), source="release")
    web = make_deployment(other, recent(1), name="v1.2")
    first, failed, back, mending, never = deployed

    def shown(query: str) -> list[str]:
        reply = bob_client.get(f"{DEPLOYMENTS}?{query}", headers=JSON).json()
        assert reply["count"] == len(reply["deployments"])
        return [row["id"] for row in reply["deployments"]]

    newest_first = [web, mending, back, failed, first]
    assert shown("") == [each.node_id for each in newest_first]
    assert shown("show=failed") == [failed.node_id]
    assert shown("show=rollback") == [back.node_id]
    assert shown("show=never") == [never.node_id]
    assert shown(f"application={other.pk}") == [web.node_id]
    assert shown("repo=acme/web") == [web.node_id]
    assert shown("range=4w&repo=acme/shop&show=failed") == [failed.node_id]
    for query in ("show=odd", "application=999999", "after=odd"):
        assert bob_client.get(f"{DEPLOYMENTS}?{query}", headers=JSON).status_code == 400


def test_the_list_can_be_downloaded(deployed: list[Deployment], bob_client: Client) -> None:
    reply = bob_client.get(f"{DEPLOYMENTS}?format=csv&show=failed")
    text = b"".join(reply).decode()
    [row] = csv.DictReader(io.StringIO(text))
    assert row["repository"] == "acme/shop"
    assert row["failed_by"] == "rollback"
    assert row["pull_requests"] == str(deployed[1].pull_requests.get().number)
    reply = bob_client.get(f"{DEPLOYMENTS}?format=jsonl")
    lines = [json.loads(line) for line in b"".join(reply).decode().splitlines()]
    assert [line["id"] for line in lines] == [each.node_id for each in deployed[3::-1]]
    assert AuditEvent.objects.filter(action="export.made").count() == 2


def test_a_deployment_says_what_it_brought_and_why_it_failed(
    deployed: list[Deployment], bob_client: Client
) -> None:
    first, failed, back, mending, never = deployed

    def page(row: Deployment) -> str:
        return said(bob_client.get(f"{DEPLOYMENTS}{row.pk}/").content.decode())

    page_of_failed = page(failed)
    assert "old commit" not in page_of_failed
    failed.pull_requests.update(has_old_commit=True)
    number = failed.pull_requests.get().number
    assert f"#{number} old commit alice" in page(failed)
    assert "It brought 1 pull request by 1 person." in page_of_failed
    assert "Handle empty carts" in page_of_failed
    assert "alice" in page_of_failed
    assert "4 h 14 h" in page_of_failed  # since its merge, since its first commit
    assert "a later deployment went back to a commit before it" in page_of_failed
    assert f"Recovered after 2 h, by {back.sha[:7]}" in page_of_failed
    assert "It mended" in page(back)
    assert "A rollback: it went back to an earlier commit" in page(back)
    assert "first known deployment of this application" in page(first)
    assert "No sign of a failure" in page(mending)
    assert "never succeeded" in page(never)
    reply = bob_client.get(f"{DEPLOYMENTS}{failed.pk}/", headers=JSON).json()
    assert reply["is_failed"] is True
    assert reply["mended_by"] == back.node_id
    assert reply["pull_requests"] == [failed.pull_requests.get().number]


def test_deployments_of_another_team_are_not_found(
    deployed: list[Deployment], bob_client: Client
) -> None:
    other = make_deployment(make_application(make_repository(make_team("Other"))), recent(1))
    assert bob_client.get(f"{DEPLOYMENTS}{other.pk}/").status_code == 404
    assert bob_client.get(f"{DEPLOYMENTS}{2**70}/").status_code == 404
    ids = [row["id"] for row in bob_client.get(DEPLOYMENTS, headers=JSON).json()["deployments"]]
    assert other.node_id not in ids


def test_a_pull_request_shows_its_deployment(
    deployed: list[Deployment], merged: list[PullRequest], live: Application, bob_client: Client
) -> None:
    carts, _, orders = merged

    def page(row: PullRequest) -> str:
        return said(
            bob_client.get(f"/a/acme/pull-requests/acme/shop/{row.number}/").content.decode()
        )

    page_of_carts = page(carts)
    assert "Deploy 4 h From the merge to the first deployment: production" in page_of_carts
    assert "Change lead time 14 h From the first commit to production." in page_of_carts
    assert "A deployment to production" in page_of_carts
    assert "It reached production 4 h later." in page_of_carts
    assert "Not deployed yet, 2 d" in page(orders)
    PullRequest.objects.filter(pk=orders.pk).update(base_branch="release/2")
    assert "None: it was merged into release/2" in page(orders)
    PullRequest.objects.filter(pk=orders.pk).update(base_branch="main", was_live_before=True)
    assert "in production before the first known deployment" in page(orders)
    Production.objects.all().delete()
    assert "Not known: this repository’s deployments have no source." in page(orders)


def test_the_overview_shows_what_waits_for_production(
    deployed: list[Deployment], merged: list[PullRequest], bob_client: Client
) -> None:
    page = said(bob_client.get("/a/acme/").content.decode())
    wait = re.search(r"Merged, not deployed yet 1 Paginate orders (2 d [0-9]+ h)", page)
    assert wait
    page = said(bob_client.get(PRODUCTION).content.decode())
    assert f"Paginate orders {merged[2].repository.full_name}#{merged[2].number} {wait[1]}" in page


def test_programs_get_the_page_of_production(
    deployed: list[Deployment], alice_client: Client
) -> None:
    page = alice_client.get(PRODUCTION, headers=JSON).json()
    headers = {"Authorization": f"Bearer {make_key(alice_client)}"}
    reply = Client().get("/api/v1/production", headers=headers).json()
    for name in ("figures", "previous", "series", "applications", "left_out", "changes"):
        assert reply[name] == page[name]
    assert Client().get("/api/v1/overview", headers=headers).json()["not_deployed_now"] == 1
