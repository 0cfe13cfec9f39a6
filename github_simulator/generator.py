"""A world from a seed: organisations, people, repositories and fourteen months of pull requests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from random import Random

from . import agents, oddities
from .cast import Cast, assemble, hire_agents
from .delivery.invented import deliver
from .lifecycle import (
    Habits,
    Setting,
    Story,
    StoryMaker,
)
from .node_ids import node_id
from .stories import BotStory, ForkStory, RevertStory
from .world import Account, Label, PullRequest, Repository, World


@dataclass(frozen=True)
class Plan:
    """A repository to generate: `weight` is its share of pull requests, `pace` above 1 is slow."""

    name: str
    weight: float
    description: str | None = None
    pace: float = 1.0
    private: bool = True
    archived: bool = False
    fork: bool = False
    queue: bool = False
    critic: bool = False
    outsiders: float = 0.0
    bots: float = 0.08


PLANS = (
    Plan("billing-service", 10, "Invoices, payments due and reminders", queue=True),
    Plan("web", 12, "The web application", bots=0.14, critic=True),
    Plan("api-gateway", 7, "Front door of all services", queue=True),
    Plan("payments-service", 6, "Cards, refunds and payouts", pace=1.3),
    Plan("auth-service", 5, "Sign-in, sessions and permissions"),
    Plan("monolith", 9, "Where it all began", pace=3.4, bots=0.02),
    Plan("mobile", 7, "The app for phones", pace=1.2),
    Plan("search-service", 4, "Search and suggestions", pace=0.8),
    Plan("notification-service", 4, "E-mail, push and text messages"),
    Plan("data-pipeline", 5, "Nightly and hourly jobs", pace=1.5),
    Plan("infrastructure", 6, "Machines, networks and clusters", pace=0.6, queue=True),
    Plan("design-system", 4, "Components and tokens", private=False, outsiders=0.08),
    Plan("sdk-python", 3, "The Python client", private=False, outsiders=0.18, bots=0.2),
    Plan("sdk-js", 3, "The JavaScript client", private=False, outsiders=0.16, bots=0.25),
    Plan("cli", 3, "The command line", private=False, outsiders=0.12, pace=0.8),
    Plan("docs", 4, "docs.acme.example", private=False, outsiders=0.1, pace=0.5),
    Plan("terraform-modules", 2, "Shared modules", pace=0.7),
    Plan("reporting-service", 3, "Exports and scheduled reports"),
    Plan("inventory-service", 3, "Stock and warehouses", pace=1.1),
    Plan("experiments", 1, "May break at any time", pace=0.9),
    Plan("legacy-portal", 2, "Replaced by web", archived=True, pace=2.0),
    Plan("old-importer", 1, None, archived=True),
    Plan("pgbridge", 1, "Our fork, with two patches", fork=True, private=False),
    Plan("handbook", 2, "How we work", pace=0.5, bots=0.0),
    Plan("empty-box", 0, None),
)
_LABELS = {
    "bug": "d73a4a",
    "enhancement": "a2eeef",
    "documentation": "0075ca",
    "performance": "fbca04",
    "hotfix": "b60205",
    "dependencies": "0366d6",
    "good first issue": "7057ff",
}
_CORE = 14  # people of a team who work on a repository
_HOURS = (1, 3, 6, 7, 6, 4, 6, 7, 7, 6, 4, 2, 1)  # 7 o'clock and the hours after it


def generate(
    seed: int, now: datetime, *, people: int = 40, repositories: int = 25,
    pull_requests: int = 3000, months: int = 14,
) -> World:  # fmt: skip
    """The same world for the same arguments; nothing in it happens after `now`."""
    rng, world = Random(seed), World()
    now = now.replace(microsecond=0)
    cast = assemble(world, rng, people)
    setting = Setting(world, rng, now - timedelta(days=months * 30.44), now, cast.zones)
    plans = [*PLANS, *(Plan(f"service-{n:04}", 0) for n in range(len(PLANS), repositories))]
    _populate(setting, cast, plans[:repositories], pull_requests)
    _elsewhere(setting, cast)
    hire_agents(world, cast)
    agents.join(world, cast, seed, setting.start, now)
    deliver(world, cast.agents["github-actions"], seed, setting.start, now)
    return world


def _populate(setting: Setting, cast: Cast, plans: list[Plan], pull_requests: int) -> None:
    total = sum(plan.weight for plan in plans) or 1
    for position, plan in enumerate(plans):
        repository = _repository(setting, cast.acme.account, plan)
        habits = _habits(setting.rng, cast, plan, position)
        _permit(repository, habits.authors)
        count = round(pull_requests * plan.weight / total)
        _fill(setting, cast, plan, repository, habits, count)
        if position == 0 and count > 60:
            oddities.add(setting, cast, repository)


def _repository(setting: Setting, owner: Account, plan: Plan) -> Repository:
    number = setting.rng.randint(48_000_000, 1_060_000_000)
    while number in setting.world.repositories:
        number += 1
    created = setting.start - timedelta(days=setting.rng.randint(30, 2200))
    repository = Repository(
        id=number,
        node_id=node_id("R", number),
        owner=owner,
        name=plan.name,
        private=plan.private,
        archived=plan.archived,
        fork=plan.fork,
        description=plan.description,
        created_at=created,
        pushed_at=created,
        updated_at=created,
    )
    setting.world.repositories[number] = repository
    return repository


def _permit(repository: Repository, people: list[Account]) -> None:
    """People who work here may push; owners may do everything, other members read."""
    repository.permissions = {account.id: "push" for account in people}


def _labels(rng: Random) -> dict[str, Label]:
    numbers = {name: rng.randint(1_100_000_000, 8_900_000_000) for name in _LABELS}
    return {
        name: Label(numbers[name], node_id("LA", numbers[name]), name, color)
        for name, color in _LABELS.items()
    }


def _habits(rng: Random, cast: Cast, plan: Plan, position: int) -> Habits:
    team = cast.acme.teams[position % len(cast.acme.teams)]
    known = cast.accounts
    core = [known[number] for number in team.members[:_CORE]]
    if position % 6 == 0:  # the owner writes code as well, but not everywhere
        core.append(cast.people[0])
    guests = rng.sample(cast.people, min(3, len(cast.people)))
    authors = list(dict.fromkeys([*core, *guests]))
    return Habits(
        authors=authors,
        reviewers=rng.sample(authors, len(authors)),
        teams=[team],
        labels=_labels(rng),
        pace=plan.pace,
        trend=2.1 if plan.pace > 2 else 1.7,
        merger=cast.bots["acme-merge-queue"] if plan.queue else None,
        critic=cast.bots["lintwise"] if plan.critic else None,
    )


def _openings(setting: Setting, count: int, until: datetime) -> list[datetime]:
    days = max(1, (until - setting.start).days)
    rng, found = setting.rng, list[datetime]()
    while len(found) < count:
        day = int(days * rng.random() ** 0.85)  # somewhat more work lately than long ago
        instant = setting.start + timedelta(days=day)
        if rng.random() < _idleness(instant):
            continue
        hour = 7 + rng.choices(range(len(_HOURS)), _HOURS)[0]
        instant = instant.replace(hour=hour, minute=rng.randint(0, 59), second=rng.randint(0, 59))
        if instant < until:
            found.append(instant)
    return sorted(found)


def _idleness(day: datetime) -> float:
    """The chance that nothing is begun on an otherwise busy day."""
    holidays = (day.month == 12 and day.day > 21) or (day.month == 1 and day.day < 3)
    return 0.88 if day.weekday() >= 5 else 0.8 if holidays else 0.0


def _fill(
    setting: Setting, cast: Cast, plan: Plan, repository: Repository, habits: Habits, count: int
) -> None:
    until = setting.start + timedelta(days=150) if plan.archived else setting.now
    number = 0
    for opened_at in _openings(setting, count, until):
        number += 1 + int(setting.rng.expovariate(1.1))  # issues take numbers, too
        maker = _maker(setting, cast, plan, repository, opened_at)
        pull_request = maker(setting, habits, repository, opened_at, number).live()
        _strange_author(setting.rng, cast, pull_request)


def _maker(
    setting: Setting, cast: Cast, plan: Plan, repository: Repository, opened_at: datetime
) -> StoryMaker:
    rng, chance = setting.rng, setting.rng.random()
    if chance < plan.bots:
        bot = cast.bots["renovate" if plan.name.startswith("sdk") else "dependabot"]
        return partial(BotStory, bot=bot)
    if chance < plan.bots + plan.outsiders:
        outsider = rng.choice(cast.outsiders)
        return partial(ForkStory, outsider=outsider, fork=_fork(setting, outsider, repository))
    merged = _lately_merged(repository, opened_at) if rng.random() < 0.025 else None
    return partial(RevertStory, reverted=merged) if merged else Story


def _fork(setting: Setting, owner: Account, origin: Repository) -> str:
    full_name = f"{owner.login}/{origin.name}"
    if not setting.world.repository(full_name):
        plan = Plan(origin.name, 0, origin.description, private=False, fork=True)
        fork = _repository(setting, owner, plan)
        fork.permissions[owner.id] = "admin"
    return full_name


def _lately_merged(repository: Repository, before: datetime) -> PullRequest | None:
    for pull_request in reversed(repository.pull_requests.values()):
        if pull_request.merged_at and pull_request.merged_at < before:
            fresh = before - pull_request.merged_at < timedelta(days=3)
            return pull_request if fresh and not pull_request.title.startswith("Revert") else None
    return None


def _strange_author(rng: Random, cast: Cast, pull_request: PullRequest) -> None:
    if pull_request.author is None or pull_request.author.type != "User":
        return
    chance = rng.random()
    if chance < 0.004:
        oddities.forget(pull_request, pull_request.author)
    elif chance < 0.006:
        pull_request.author = cast.mannequin


def _elsewhere(setting: Setting, cast: Cast) -> None:
    """The other organisations' and people's own repositories, with a little work in each."""
    homes = (
        (cast.restricted.account, cast.restricted, ("ledger", "lighthouse")),
        (cast.plain.account, cast.plain, ("crane", "pier", "quay-tools")),
        (cast.people[0], None, ("recipes", "dotfiles")),
        (cast.people[1], None, ("notes",)),
    )
    for owner, organization, names in homes:
        for name in names:
            plan = Plan(name, 0, private=name == "notes", bots=0)
            repository = _repository(setting, owner, plan)
            people = [a for a in cast.people if organization and a.id in organization.members]
            if organization:
                _permit(repository, people)
            else:
                repository.permissions[owner.id] = "admin"
            _fill(setting, cast, plan, repository, _alone(setting.rng, people or [owner]), 12)


def _alone(rng: Random, people: list[Account]) -> Habits:
    return Habits(authors=people, reviewers=people, teams=[], labels=_labels(rng))
