"""The weekly digest: its content, that it is sent once, and how it ends."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test import Client
from pytest_django import Settings

from apps.metrics.models import Digest
from apps.metrics.pages import digest_mail
from apps.metrics.pages.digest import weekly_digest
from apps.metrics.tests.factories import Review, make_member, make_pull_request, make_repository
from apps.metrics.tests.production_factories import (
    make_application,
    make_deployment,
    make_failed,
)
from apps.teams.models import Membership, Team
from apps.users.models import User

pytestmark = pytest.mark.django_db
PAGE = "/a/acme/settings/digest/"
MONDAY = datetime(2026, 3, 9, 8, tzinfo=UTC)  # the week before: 2 to 8 March


@pytest.fixture
def team(team: Team) -> Team:
    Team.objects.filter(pk=team.pk).update(timezone="Asia/Kolkata")
    team.refresh_from_db()
    return team


def confirmed(user: User) -> User:
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def subscribe(team: Team, user: User, due_at: datetime = MONDAY) -> Digest:
    membership = Membership.objects.get(team=team, user=confirmed(user))
    digest: Digest = Digest.objects.create(team=team, membership=membership, due_at=due_at)
    return digest


def test_it_works(team: Team, bob: User, bob_client: Client) -> None:
    confirmed(bob)
    assert "It is <strong>off</strong> for you" in bob_client.get(PAGE).content.decode()
    page = bob_client.post(PAGE, {"on": "1"}, follow=True).content.decode()
    assert "It is <strong>on</strong> for you" in page
    Digest.objects.update(due_at=MONDAY)
    assert digest_mail.send_due(MONDAY)
    assert not digest_mail.send_due(MONDAY)
    [sent] = mail.outbox
    assert sent.to == ["bob@example.com"]
    assert sent.subject == "Acme, 2 to 8 March 2026: no pull requests merged"
    bob_client.post(PAGE, {"on": "0"})
    assert not Digest.objects.exists()


def test_what_changed_and_what_waits(team: Team, bob: User) -> None:
    shop, ada, ben = make_repository(team), make_member(team, "ada"), make_member(team, "ben")
    # In India the week begins on Sunday at 18:30 UTC.
    week = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)
    merges = {week: 5, week + timedelta(days=6, hours=23): 7, week - timedelta(minutes=1): 3}
    for at, hours in merges.items():
        make_pull_request(shop, author=ada, opened_at=at - timedelta(hours=hours), ended=hours)
    for hours in (1, 2, 3, 4):
        opened = week - timedelta(days=3, hours=hours)
        make_pull_request(shop, author=ada, opened_at=opened, ended=hours)
    for title, reviews in (("Nobody looked", []), ("Nearly there", [Review(ben, 1)])):
        make_pull_request(
            shop, author=ada, opened_at=week, state="open", title=title, reviews=reviews
        )
    weekly = weekly_digest(team, MONDAY)
    assert (weekly.figures.merged, weekly.before.merged) == (2, 5)
    shown = {tile.anchor: tile.change for tile in weekly.tiles}
    assert (shown["throughput"].now, shown["throughput"].before) == (2, 5)
    assert shown["cycle_time"].now == median([5, 7]) * 3600
    assert shown["cycle_time"].before == median([3, 1, 2, 3, 4]) * 3600
    assert shown["throughput"].percent == pytest.approx(-60)
    text = str(digest_mail.message(subscribe(team, bob), weekly).body)
    assert "2 pull requests were merged, 5 in the week before." in text
    # Five are too few to call that worse.
    assert re.search(r"Cycle time +6\sh +3\sh +–", text)
    waits = text.split("Open now: 2")[1]
    assert re.search(r"No review requested: 1\n +[^\n]+Nobody looked\n +http", waits)
    assert re.search(r"Approved, not merged: 1\n +[^\n]+Nearly there", waits)
    assert "since=2026-03-02&until=2026-03-08" in text


def test_a_change_stands_in_a_column_of_its_own(team: Team, bob: User, bob_client: Client) -> None:
    """And on the page a title is text, too."""
    shop, ada = make_repository(team), make_member(team, "ada")
    week = datetime(2026, 3, 2, 6, tzinfo=UTC)
    for begin, hours in ((week, 40), (week - timedelta(days=7), 80)):
        for place in range(25):
            opened = begin + timedelta(days=4, hours=1) - timedelta(hours=hours + place / 10)
            make_pull_request(shop, author=ada, opened_at=opened, ended=hours + place / 10)
    make_pull_request(shop, author=ada, opened_at=week - timedelta(days=400))
    make_pull_request(shop, author=ada, opened_at=week, state="open", title="<img src=x>")
    text = str(digest_mail.message(subscribe(team, bob), weekly_digest(team, MONDAY)).body)
    assert re.search(r"Cycle time {2,}1\sd\s17\sh {2,}3\sd\s9\sh {2,}1\sd\s16\sh less\n", text)
    page = bob_client.get(PAGE).content.decode()
    assert "<img" not in page
    assert "&lt;img src=x&gt;" in page


def test_production_figures_have_numerators_and_denominators(team: Team, bob: User) -> None:
    """If there is a source of deployments; else the mail does not mention production."""
    shop, ada = make_repository(team), make_member(team, "ada")
    digest = subscribe(team, bob)
    monday = datetime(2026, 3, 2, 6, tzinfo=UTC)
    pulls = [
        make_pull_request(shop, author=ada, opened_at=monday + timedelta(hours=n), ended=1)
        for n in range(3)
    ]
    assert "Production" not in str(digest_mail.message(digest, weekly_digest(team, MONDAY)).body)
    application = make_application(shop)
    make_deployment(application, monday - timedelta(days=2), is_first=True)
    bad = make_deployment(application, monday + timedelta(hours=5), pulls[:2])
    mending = make_deployment(application, monday + timedelta(hours=9), pulls[2:])
    make_failed(bad, mending, "hotfix")
    message = digest_mail.message(digest, weekly_digest(team, MONDAY))
    text = str(message.body)
    assert re.search(r"Deployments +2 +1 +–\n  2 deployments of 1 application, on 1 of 7", text)
    assert re.search(r"Change fail rate +50\s% .*\n  1 of 2 deployments, 1 followed by", text)
    assert re.search(r"Recovery time +4\sh .*\n  of 1 failed deployment\n", text)
    [(html, _)] = message.alternatives
    assert "1 of 2 deployments" in str(html)


@pytest.mark.parametrize("closed", [{"require_second_factor": True}, {"deleting_since": MONDAY}])
def test_who_may_not_open_the_team_gets_none(
    team: Team, bob: User, closed: dict[str, object]
) -> None:
    digest = subscribe(team, bob)
    Team.objects.filter(pk=team.pk).update(**closed)
    assert digest_mail.send_due(MONDAY)
    assert mail.outbox == []
    digest.refresh_from_db()
    assert (digest.failures, digest.sent_at) == (0, None)
    assert digest.due_at > MONDAY


def test_no_percentage_against_a_small_week(team: Team, bob: User) -> None:
    shop, ada = make_repository(team), make_member(team, "ada")
    for days in (3, 4, 10):
        make_pull_request(shop, author=ada, opened_at=MONDAY - timedelta(days=days), ended=1)
    text = str(digest_mail.message(subscribe(team, bob), weekly_digest(team, MONDAY)).body)
    assert "2 pull requests were merged, 1 in the week before." in text
    assert "%\n" not in text.split("Durations are")[0].replace("100 %  ", "")


def test_the_mail_loads_nothing_from_other_hosts(team: Team, bob: User) -> None:
    shop = make_repository(team)
    make_pull_request(shop, opened_at=MONDAY, state="open", title="<img src=x> & more")
    message = digest_mail.message(subscribe(team, bob), weekly_digest(team, MONDAY))
    [(content, kind)] = message.alternatives
    assert kind == "text/html"
    html = str(content)
    assert "&lt;img src=x&gt; &amp; more" in html
    assert "<img" not in html
    assert "<img src=x> & more" in message.body
    assert set(re.findall(r'(?:href|src)="(https?://[^/"]+)', html)) == {"http://localhost:8000"}


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"])
def test_it_is_due_on_mondays_at_seven_there(team: Team, zone: str) -> None:
    team.timezone = zone
    now = datetime(2026, 3, 1, tzinfo=UTC)
    for _ in range(60):  # Daylight saving time begins and ends within them.
        following = digest_mail.next_monday(team, now)
        there = following.astimezone(ZoneInfo(zone))
        assert (there.weekday(), there.hour, there.minute) == (0, 7, 0)
        assert timedelta(0) < following - now <= timedelta(days=7, hours=1)
        now = following


def test_a_new_time_zone_moves_it(team: Team, bob: User, alice_client: Client) -> None:
    digest = subscribe(team, bob, digest_mail.next_monday(team, datetime.now(UTC)))
    team.refresh_from_db()
    team.timezone = "America/New_York"
    team.save()
    digest_mail.follow_zone(team, {"timezone"})
    digest.refresh_from_db()
    there = digest.due_at.astimezone(ZoneInfo("America/New_York"))
    assert (there.weekday(), there.hour) == (0, 7)


class Failing(EmailBackend):
    """Refuses Bob's mail."""

    def send_messages(self, messages: Sequence[mail.EmailMessage]) -> int:
        if any("bob@example.com" in message.to for message in messages):
            raise OSError("The mail server does not answer.")
        return super().send_messages(messages)


def test_a_failing_mail_delays_no_other_and_is_retried(
    team: Team, alice: User, bob: User, settings: Settings
) -> None:
    first, _ = subscribe(team, bob), subscribe(team, alice)
    settings.EMAIL_BACKEND = f"{__name__}.Failing"
    while digest_mail.send_due(MONDAY):
        pass
    assert [message.to for message in mail.outbox] == [["alice@example.com"]]
    first.refresh_from_db()
    assert (first.failures, first.due_at) == (1, MONDAY)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert not digest_mail.send_due(MONDAY + timedelta(minutes=4))
    assert digest_mail.send_due(MONDAY + timedelta(minutes=6))
    first.refresh_from_db()
    assert (first.failures, len(mail.outbox)) == (0, 2)
    assert first.due_at == digest_mail.next_monday(team, MONDAY)


def test_a_worker_that_died_leaves_it_to_the_next(team: Team, bob: User) -> None:
    digest = subscribe(team, bob)
    Digest.objects.filter(pk=digest.pk).update(held_until=MONDAY + digest_mail.LEASE)
    assert not digest_mail.send_due(MONDAY)
    assert digest_mail.send_due(MONDAY + digest_mail.LEASE)
    assert len(mail.outbox) == 1


class Slow(EmailBackend):
    """Takes long enough for other workers to look meanwhile."""

    def send_messages(self, messages: Sequence[mail.EmailMessage]) -> int:
        time.sleep(0.5)
        return super().send_messages(messages)


@pytest.mark.django_db(transaction=True)
def test_many_workers_send_it_once(team: Team, alice: User, bob: User, settings: Settings) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Slow"
    subscribe(team, alice)
    subscribe(team, bob)

    def work(_: int) -> None:
        while digest_mail.send_due(MONDAY):
            pass
        connection.close()

    with ThreadPoolExecutor(6) as workers:
        list(workers.map(work, range(6)))
    assert sorted(to for message in mail.outbox for to in message.to) == [
        "alice@example.com",
        "bob@example.com",
    ]


def test_it_ends_with_the_membership(team: Team, bob: User, bob_client: Client) -> None:
    subscribe(team, bob)
    bob_client.post("/a/acme/settings/leave/")
    assert not Digest.objects.exists()


def test_an_address_that_is_not_confirmed_gets_nothing(
    team: Team, bob: User, bob_client: Client
) -> None:
    assert "confirm your e-mail address" in bob_client.get(PAGE).content.decode()
    bob_client.post(PAGE, {"on": "1"})
    assert not Digest.objects.exists()


def link_of(message: mail.EmailMessage) -> str:
    found = re.fullmatch(
        r"<http://localhost:8000(/\S+)>", message.extra_headers["List-Unsubscribe"]
    )
    assert found
    return found[1]


def test_the_mails_link_switches_it_off_without_signing_in(
    team: Team, bob: User, client: Client
) -> None:
    subscribe(team, bob)
    digest_mail.send_due(MONDAY)
    [sent] = mail.outbox
    assert sent.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = link_of(sent)
    assert link in str(sent.body)
    assert "Switch the weekly digest off?" in client.get(link).content.decode()
    assert Digest.objects.exists(), "a look alone changes nothing"
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post(link, {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert not Digest.objects.exists()
    assert "digest is off" in client.get(link).content.decode()


def test_no_other_token_switches_it_off(team: Team, bob: User, client: Client) -> None:
    digest = subscribe(team, bob)
    token = digest_mail.token(digest)
    for wrong in (token[:-1], f"{digest.pk}", token.replace(":", "-"), "x"):
        assert client.post(f"/digest/off/{wrong}/").status_code == 404
    assert Digest.objects.exists()


def test_charlie_learns_nothing(team: Team, charlie_client: Client) -> None:
    assert charlie_client.get(PAGE).status_code == 404
    assert charlie_client.post(PAGE, {"on": "1"}).status_code == 404
