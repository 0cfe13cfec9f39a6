"""From merge to production: what is stored of deployments is what follows on GitHub."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from apps.integrations.models import GitHubIntegration, Lease
from apps.integrations.tests import delivered
from apps.integrations.tests.stage import Place, Stage, ago, set_up, work
from apps.metrics.models import Deployment, Production, Repository
from apps.teams.models import Team
from github_simulator.acts import act
from github_simulator.testing import Running

pytestmark = pytest.mark.django_db


@pytest.fixture
def stage(team: Team, github: Running) -> Stage:
    return set_up(team, github)


@pytest.fixture
def shop(stage: Stage) -> Place:
    return stage.track("shop")


def look(stage: Stage) -> None:
    """The schedule's turn, minutes after the one before."""
    Lease.objects.filter(not_before__isnull=False).delete()
    GitHubIntegration.objects.update(production_due_at=ago())
    stage.integration.refresh_from_db()
    work()


def do(place: Place, name: str, at: datetime, **given: Any) -> Any:
    about = {"repository": place.repository.full_name, "actor": "ada", "at": f"{at:%FT%TZ}"}
    return act(place.github.simulator, name, {**about, **given})


def merged(place: Place, at: datetime, method: str = "merge", **draft: Any) -> Any:
    """A pull request that was opened an hour before."""
    pull = place.open(at - timedelta(hours=1), **draft)
    do(place, "merge", at, number=pull.number, method=method)
    return pull


def deployed(place: Place, at: datetime, ref: str = "", state: str = "SUCCESS", **to: Any) -> Any:
    ref = ref or place.repository.default_branch
    made = do(place, "deploy", at, ref=ref, **to)
    do(
        place,
        "set_deployment_status",
        at + timedelta(minutes=4),
        deployment=made["id"],
        state=state,
    )
    return made


def assert_true(stage: Stage) -> None:
    for place in stage.repositories.values():
        row = Repository.objects.get(team=stage.team, github_repo_id=place.repository.id)
        assert delivered.differences(row, place.repository) == []


def test_it_works(stage: Stage, shop: Place) -> None:
    merged(shop, ago(days=9))
    deployed(shop, ago(days=8))
    first, second = merged(shop, ago(days=7)), merged(shop, ago(days=6), "squash")
    made = deployed(shop, ago(days=5))
    merged(shop, ago(days=1))
    stage.sync()
    look(stage)
    assert_true(stage)
    row = Deployment.objects.get(node_id=made["node_id"])
    assert set(row.pull_requests.values_list("number", flat=True)) == {first.number, second.number}
    found = stage.row(first)
    assert found.deployment == row
    assert found.deploy_time == 2 * 86400 + 240
    assert found.lead_time == (found.cycle_time or 0) + found.deploy_time
    of = Production.objects.get(repository=row.application.repository)
    assert (of.source, of.is_complete, of.is_chosen) == ("deployment", True, False)


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_happens_is_what_plain_sets_say(stage: Stage, shop: Place, seed: int) -> None:
    """Step by step as it happens, and all at once for another team."""
    story = _Story(shop, Random(seed))
    for _ in range(6):
        for _ in range(12):
            story.go_on()
        stage.sync()
        look(stage)
        assert_true(stage)
    other = set_up(Team.objects.create(name="Other", slug="other"), stage.github)
    other.repositories["shop"] = shop
    other.take_up(shop)
    look(other)
    other.sync()
    assert_true(other)


class _Story:
    """People merge, deploy, roll back, revert, mend and cherry-pick, at random."""

    def __init__(self, shop: Place, rng: Random) -> None:
        self.shop, self.rng, self.at = shop, rng, ago(days=60)
        self.seen = [merged(shop, self.at - timedelta(days=1))]
        self.shas: list[str] = []

    def go_on(self) -> None:
        self.at += timedelta(minutes=self.rng.randint(20, 1200))
        do_it = self.rng.choice(
            [
                self.merge,
                self.merge,
                self.deploy,
                self.deploy,
                self.back,
                self.elsewhere,
                self.revert,
                self.mend,
                self.fail,
            ]
        )
        do_it()

    def merge(self, **draft: Any) -> None:
        method = self.rng.choice(["merge", "squash", "rebase"])
        self.seen.append(merged(self.shop, self.at, method, **draft))

    def deploy(self) -> None:
        to = self.rng.choice(["production", "production", "prod-eu", "staging"])
        self.shas.append(deployed(self.shop, self.at, environment=to)["sha"])

    def back(self) -> None:
        if self.shas:
            deployed(self.shop, self.at, self.rng.choice(self.shas[-4:]))

    def elsewhere(self) -> None:
        """A release branch with a pick of its own."""
        name = f"release-{self.at:%s}"
        made = [{"message": "Picked", "additions": 1, "committed_at": f"{self.at:%FT%TZ}"}]
        do(self.shop, "push_branch", self.at, branch=name, commits=made)
        self.shas.append(deployed(self.shop, self.at, name)["sha"])

    def revert(self) -> None:
        what = self.rng.choice(self.seen)
        self.merge(title=f'Revert "{what.title}"', body=f"Reverts #{what.number} again")

    def mend(self) -> None:
        self.merge(title="hotfix: mend it")

    def fail(self) -> None:
        deployed(self.shop, self.at, state=self.rng.choice(["FAILURE", "ERROR", "QUEUED"]))
