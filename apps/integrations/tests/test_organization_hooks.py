"""One organisation hook instead of one for each repository, if chosen."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from apps.integrations.models import (
    Farewell,
    GitHubIntegration,
    Hook,
    Lease,
    RateBudget,
    TrackedRepository,
    WebhookDelivery,
)
from apps.integrations.tests.github import (
    ACME,
    ADA,
    GRACE,
    connect,
    consent,
    messages_of,
    path_of,
)
from apps.integrations.tests.hooked import NAME, NUMBER, choose, do, hooks_on_github, work
from apps.metrics.models import Group, PullRequest, TeamMember
from apps.teams.models import Membership, Team
from apps.users.models import User
from github_simulator.faults import Fault
from github_simulator.testing import Running

PAGE = "/a/acme/integrations/github/webhooks/"
CHOICE = f"{PAGE}organization/"
NEEDED = {"read:org", "repo", "read:user"}

pytestmark = pytest.mark.django_db(transaction=True)


def ask(client: Client, one_hook: bool = True, team: str = "acme") -> Any:
    form = {"organization": str(ACME), "one_hook": "1" if one_hook else "0"}
    return client.post(CHOICE.replace("/acme/", f"/{team}/"), form)


def opt_in(client: Client, team: str = "acme", without: tuple[str, ...] = ()) -> Any:
    """All the way over GitHub's consent page."""
    url = ask(client, team=team).headers["location"]
    return client.get(path_of(consent(url, without=without)))


def settle() -> None:
    """Runs workers over the next seconds: GitHub allows a write a second."""
    for _ in range(6):
        RateBudget.objects.update(written_at=None)
        Lease.objects.update(not_before=None)
        GitHubIntegration.objects.filter(hook_due_at__gt=timezone.now(), hook=None).update(
            hook_due_at=timezone.now()
        )
        GitHubIntegration.objects.filter(wants_one_hook=False, hook__isnull=False).update(
            hook_due_at=timezone.now()
        )
        work()


def of_organization(github: Running) -> list[Any]:
    return list(github.simulator.world.organizations[ACME].hooks.values())


def test_it_works(github: Running, tracked: TrackedRepository, alice_client: Client) -> None:
    old = opened_and_seen(github)
    assert opt_in(alice_client).headers["location"] == PAGE
    settle()
    (hook,) = of_organization(github)
    assert {"pull_request", "organization", "membership", "team"} <= set(hook.events)
    assert hooks_on_github(github) == []
    assert Hook.objects.get().secret == hook.secret

    new = opened_and_seen(github, title="Told by the organisation")
    delivery = WebhookDelivery.objects.get(event="pull_request", number=new)
    assert delivery.hook.hook_id == hook.id
    assert delivery.visible_at
    assert delivery.github_repo_id == NUMBER
    text = " ".join(alice_client.get(PAGE).content.decode().split())
    assert "One hook for all repositories." in text
    assert f"#{old}" in text  # earlier deliveries are kept


def opened_and_seen(github: Running, title: str = "Work") -> int:
    number: int = do(github, "open", title=title)["number"]
    work()
    assert PullRequest.objects.get(number=number).title == title
    return number


def test_the_scope_is_asked_for_only_now(
    github: Running, tracked: TrackedRepository, alice_client: Client
) -> None:
    def asked(url: str) -> set[str]:
        return set(parse_qs(urlsplit(url).query)["scope"][0].split())

    connecting = "/a/acme/integrations/github/connect/"
    assert asked(alice_client.post(connecting).headers["location"]) == NEEDED
    wanted = ask(alice_client).headers["location"]
    assert asked(wanted) == {*NEEDED, "admin:org_hook"}
    alice_client.get(path_of(consent(wanted)))
    # From then on a new token must not be able to do less.
    again = alice_client.post(connecting).headers["location"]
    assert asked(again) == {*NEEDED, "admin:org_hook"}


def test_less_is_granted_than_asked_for(
    github: Running, tracked: TrackedRepository, alice_client: Client
) -> None:
    opt_in(alice_client, without=("admin:org_hook",))
    assert "lacks the scope admin:org_hook" in messages_of(alice_client, PAGE)
    settle()
    assert of_organization(github) == []
    assert len(hooks_on_github(github)) == 1
    assert not GitHubIntegration.objects.get().wants_one_hook


def test_a_member_of_the_organization_cannot_make_one(
    github: Running, tracked: TrackedRepository, alice_client: Client
) -> None:
    github.simulator.world.organizations[ACME].members[ADA] = "member"
    github.simulator.world.repositories[NUMBER].permissions = {ADA: "admin"}
    opt_in(alice_client)
    settle()
    assert of_organization(github) == []
    assert len(hooks_on_github(github)) == 1
    assert "asks for an owner of it" in alice_client.get(PAGE).content.decode()


def test_a_pasted_token_without_the_scope(
    github: Running, tracked: TrackedRepository, alice_client: Client
) -> None:
    paste(github, alice_client, "repo", "read:org", "read:user")
    assert ask(alice_client).headers["location"] == PAGE
    text = messages_of(alice_client, PAGE)
    assert "Connect with a token of an owner that has repo, read:org, read:user and" in text
    paste(github, alice_client, "repo", "read:org", "read:user", "admin:org_hook")
    ask(alice_client)
    settle()
    assert len(of_organization(github)) == 1


def paste(github: Running, client: Client, *scopes: str) -> None:
    token = github.act("make_token", login="ada", scopes=scopes)["token"]
    body = {"token": token, "organization": "acme"}
    client.post("/a/acme/integrations/github/token/", body)


def test_declining_more_leaves_what_is_there(
    github: Running, tracked: TrackedRepository, alice_client: Client
) -> None:
    url = ask(alice_client).headers["location"]
    reply = alice_client.get(path_of(consent(url, decision="cancel")))
    assert reply.headers["location"] == PAGE
    text = messages_of(alice_client, PAGE)
    assert "acme stays connected and keeps one webhook for each repository" in text
    again = {"organization": str(ACME)}
    url = alice_client.post("/a/acme/integrations/github/connect/", again).headers["location"]
    alice_client.get(path_of(consent(url, decision="cancel")))
    said = messages_of(alice_client)
    assert "Access was declined on GitHub: the connection of acme is as it was" in said
    assert "GitHub was not connected" not in said


def test_back_again(github: Running, tracked: TrackedRepository, alice_client: Client) -> None:
    opt_in(alice_client)
    settle()
    during = opened_and_seen(github, title="During")
    assert ask(alice_client, one_hook=False).headers["location"] == PAGE
    work()  # the repository's own hook comes first
    assert len(hooks_on_github(github)) == 1
    settle()
    assert of_organization(github) == []
    (own,) = hooks_on_github(github)
    assert "organization" not in own.events
    opened_and_seen(github, title="After")
    assert Hook.objects.get().hook_id == own.id
    assert WebhookDelivery.objects.filter(number=during).exists()


def test_nothing_is_lost_while_hooks_change_places(
    github: Running, tracked: TrackedRepository, alice_client: Client
) -> None:
    numbers = []
    for one_hook in (True, False):
        if one_hook:
            opt_in(alice_client)
        else:
            ask(alice_client, one_hook=False)
        for _ in range(5):
            numbers.append(do(github, "open")["number"])
            RateBudget.objects.update(written_at=None)
            GitHubIntegration.objects.filter(hook_due_at__isnull=False).update(
                hook_due_at=timezone.now()
            )
            work()
    assert of_organization(github) == []
    assert PullRequest.objects.filter(number__in=numbers).count() == len(numbers)


def test_two_teams_share_it(
    github: Running,
    tracked: TrackedRepository,
    alice_client: Client,
    bob: User,
    bob_client: Client,
) -> None:
    other = Team.objects.create(name="Other", slug="other")
    Membership.objects.create(team=other, user=bob, role=Membership.Role.ADMIN)
    connect(bob_client, team="other")
    work()
    choose(bob_client, "other", "acme/api-service")
    opt_in(alice_client)
    opt_in(bob_client, team="other")
    settle()
    assert len(of_organization(github)) == 1
    number = do(github, "open", title="Secret")["number"]
    work()
    assert PullRequest.objects.get(number=number).team.slug == "acme"
    # The hook is shared; its deliveries about the other team's repositories are not.
    theirs = PAGE.replace("/acme/", "/other/")
    assert f"#{number}" in alice_client.get(PAGE).content.decode()
    assert f"#{number}" not in bob_client.get(theirs).content.decode()

    alice_client.delete("/a/acme/integrations/github/disconnect/")
    assert len(of_organization(github)) == 1
    bob_client.delete("/a/other/integrations/github/disconnect/")
    assert of_organization(github) == []
    assert not Hook.objects.exists()


def test_a_repository_that_is_deleted_is_noticed_at_once(
    github: Running, tracked: TrackedRepository, alice_client: Client
) -> None:
    opt_in(alice_client)
    settle()
    GitHubIntegration.objects.update(poll_due_at=timezone.now() + timedelta(hours=1))
    github.act("delete_repository", repository=NAME)
    assert github.simulator.deliveries.wait()
    work()
    work()
    tracked.refresh_from_db()
    assert "no longer shows this repository" in tracked.error


def test_leaving_the_organization_is_noticed_at_once(
    github: Running, tracked: TrackedRepository, alice_client: Client
) -> None:
    opt_in(alice_client)
    settle()
    integration = GitHubIntegration.objects.get()
    GitHubIntegration.objects.update(members_due_at=None)
    assert integration.members.filter(github_id=GRACE, is_active=True).exists()
    github.act("remove_member", organization="acme", login="grace")
    assert github.simulator.deliveries.wait()
    work()
    work()
    assert not integration.members.filter(github_id=GRACE, is_active=True).exists()


def test_a_changed_team_is_noticed_at_once(
    github: Running, tracked: TrackedRepository, alice_client: Client
) -> None:
    opt_in(alice_client)
    settle()

    def happens(what: str, **given: str) -> dict[str, set[str]]:
        """Every team with its members here, just after an event on GitHub."""
        GitHubIntegration.objects.update(members_due_at=None)
        github.act(what, organization="acme", **given)
        assert github.simulator.deliveries.wait()
        work()
        work()
        names = TeamMember.objects.values_list("github_username", flat=True)
        return {group.name: set(names.filter(groups=group)) for group in Group.objects.all()}

    assert happens("create_team", name="Search") == {"Platform": {"ada", "grace"}, "Search": set()}
    joined = happens("add_team_member", team="search", login="grace")
    assert joined["Search"] == {"grace"}
    left = happens("remove_team_member", team="platform", login="grace")
    assert left == {"Platform": {"ada"}, "Search": {"grace"}}
    assert happens("delete_team", team="platform") == {"Search": {"grace"}}


def test_without_the_right_any_more_repositories_get_hooks_again(
    github: Running, tracked: TrackedRepository, alice_client: Client
) -> None:
    opt_in(alice_client)
    settle()
    github.simulator.world.organizations[ACME].members[ADA] = "member"
    github.simulator.world.repositories[NUMBER].permissions = {ADA: "admin"}
    GitHubIntegration.objects.update(hook_due_at=timezone.now())
    settle()
    assert len(hooks_on_github(github)) == 1
    assert "asks for an owner of it" in alice_client.get(PAGE).content.decode()


def test_missed_deliveries_of_the_organizations_hook_are_sent_again(
    github: Running, tracked: TrackedRepository, alice_client: Client
) -> None:
    opt_in(alice_client)
    settle()
    (hook,) = of_organization(github)
    here, hook.url = hook.url, "http://127.0.0.1:9/"
    number = do(github, "open", title="Missed")["number"]
    hook.url = here
    RateBudget.objects.update(written_at=None)
    GitHubIntegration.objects.update(hook_due_at=timezone.now())
    work()
    assert github.simulator.deliveries.wait()
    work()
    assert PullRequest.objects.get(number=number).title == "Missed"


def test_what_must_be_deleted_by_hand_is_linked(
    github: Running, tracked: TrackedRepository, alice_client: Client
) -> None:
    opt_in(alice_client)
    settle()
    github.simulator.faults.add(Fault("server_error"))
    alice_client.delete("/a/acme/integrations/github/disconnect/")
    Farewell.objects.update(gives_up_at=timezone.now(), due_at=timezone.now())
    Lease.objects.update(not_before=None)
    work()
    assert f'{github.url}/organizations/acme/settings/hooks"' in messages_of(alice_client)


def test_only_admins_choose(
    tracked: TrackedRepository, alice_client: Client, bob_client: Client, charlie_client: Client
) -> None:
    assert ask(bob_client).status_code == 403
    assert ask(charlie_client).status_code == 404
    assert "Use one hook" in alice_client.get(PAGE).content.decode()
    assert "Use one hook" not in bob_client.get(PAGE).content.decode()
    unknown = alice_client.post(CHOICE, {"organization": "1", "one_hook": "1"})
    assert unknown.status_code == 404
    reply = alice_client.post(
        CHOICE,
        json.dumps({"organization": ACME, "one_hook": True}),
        content_type="application/json",
        headers={"Accept": "application/json"},
    )
    assert "admin%3Aorg_hook" in reply.json()["authorize_url"]
