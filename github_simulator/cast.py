"""The people of the generated world: invented people, bots and three organisations."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from .node_ids import node_id
from .world import Account, AccountType, Organization, Team, World

# login, name, hours from UTC. The first is the owner who signs in by default.
PEOPLE: tuple[tuple[str, str, int], ...] = (
    ("alice", "Alice Verrin", 1),
    ("bob", "Bob Okonjo-Lind", 1),
    ("mirela-dv", "Mirela Dovanu", 2),
    ("tkaruna", "Tashi Karunasena", 5),
    ("oyelaran", "Folake Oyelaran-Brandt", 1),
    ("jsolvik", "Jorun Solvik", 1),
    ("pnavarte", "Paz Navarte", -3),
    ("haruno-k", "Haruno Kitasato", 9),
    ("linhvt", "Linh Vo Tamura", 7),
    ("dmarchetto", "Dario Marchettone", 1),
    ("zeynepq", "Zeynep Qorlu", 3),
    ("amadou-f", "Amadou Fallenne", 0),
    ("rwhitcliff", "Rowan Whitcliffe", 0),
    ("ksenia-b", "Ksenia Borovikh", 2),
    ("yarrow", "Yarrow Tindale", -5),
    ("itzel-mh", "Itzel Marhuenda", -6),
    ("sunil-rp", "Sunil Rathpande", 5),
    ("gwenlorn", "Gwen Lornagh", 0),
    ("pavelst", "Pavel Strnadek", 1),
    ("noorhz", "Noor Hazimeh", 2),
    ("keahi", "Keahi Malorno", -8),
    ("emberly-t", "Ember Tolland", -5),
    ("xochitl-r", "Xochitl Reverte", -6),
    ("minjae-oh", "Minjae Ohara-Seo", 9),
    ("adwoa-s", "Adwoa Sarkent", 0),
    ("lukasvh", "Lukas van Hemmel", 1),
    ("priyanka-dl", "Priyanka Delmore", 5),
    ("samir-tz", "Samir Tazerout", 1),
    ("ingaf", "Inga Fjellmar", 1),
    ("teoquin", "Teo Quintarelli", -3),
    ("maraluz", "Mara Luzardo", -4),
    ("boweng", "Bowen Gaofeng", 8),
    ("aiyanna-w", "Aiyanna Westmoor", -7),
    ("cormacd", "Cormac Dunavan", 0),
    ("rutenko-v", "Vira Rutenko", 2),
    ("omarbey", "Omar Beyhani", 3),
    ("sofie-nk", "Sofie Nykvarn", 1),
    ("jabari-l", "Jabari Lokonde", 2),
    ("chiara-pt", "Chiara Pontesso", 1),
    ("dev-anand-k", "Devan Kolathur", 5),
)
OUTSIDERS: tuple[tuple[str, str | None, int], ...] = (
    ("charlie", "Charlie Marlowe-Finch", -5),
    ("quietfern", None, 1),
    ("bitbasil", "Basil Ondarra", 2),
    ("lumi-of-north", "Lumi Harjavalta", 2),
    ("tofuhacker42", None, 8),
    ("ezra-vantongeren", "Ezra Vantongeren", -8),
)
# Agents, AI reviewers and GitHub's own automation, with their ids on GitHub.
AGENTS: tuple[tuple[str, int, AccountType], ...] = (
    ("copilot-swe-agent", 198982749, "Bot"),
    ("devin-ai-integration", 158243242, "Bot"),
    ("cursoragent", 199161495, "User"),
    ("claude", 209825114, "Bot"),
    ("coderabbitai", 136622811, "Bot"),
    ("copilot-pull-request-reviewer", 175728472, "Bot"),
    ("github-actions", 41898282, "Bot"),
)
BOTS = ("dependabot", "renovate", "acme-merge-queue", "lintwise")
TEAMS: tuple[tuple[str, str], ...] = (
    ("payments", "Payments"),
    ("identity", "Identity"),
    ("platform", "Platform"),
    ("web-experience", "Web Experience"),
    ("data", "Data"),
    ("mobile", "Mobile"),
)


@dataclass
class Cast:
    """The accounts of the world by role; `zones` are hours from UTC."""

    people: list[Account]
    outsiders: list[Account]
    bots: dict[str, Account]
    mannequin: Account
    acme: Organization
    restricted: Organization
    plain: Organization
    zones: dict[int, int]
    agents: dict[str, Account] = field(default_factory=dict)  # by login

    @property
    def accounts(self) -> dict[int, Account]:
        """People by id."""
        return {account.id: account for account in self.people}


class _Registry:
    def __init__(self, world: World, rng: Random) -> None:
        self.world, self.rng = world, rng
        self.last = 583_200

    def add(
        self, login: str, kind: AccountType, name: str | None = None, email: str | None = None
    ) -> Account:
        self.last += self.rng.randint(2_000, 2_900_000)
        prefix = {"User": "U", "Bot": "BOT", "Mannequin": "M", "Organization": "O"}[kind]
        account = Account(self.last, node_id(prefix, self.last), login, kind, name, email)
        self.world.accounts[account.id] = account
        return account


def _person(registry: _Registry, login: str, name: str | None) -> Account:
    shown = registry.rng.random() < 0.35  # most people conceal their address
    address = f"{login}@mail.example"
    made = registry.add(login, "User", name, address if shown else None)
    made.emails = (address,)  # GitHub knows whose commits have it, and shows the address to nobody
    return made


def assemble(world: World, rng: Random, people: int) -> Cast:
    """Adds accounts, organisations and teams to the world; at least two people."""
    registry = _Registry(world, rng)
    listed = [*PEOPLE, *((f"engineer-{n}", f"Engineer {n}", n % 12 - 6) for n in range(41, 5000))]
    members = [_person(registry, login, name) for login, name, _ in listed[: max(people, 2)]]
    outsiders = [_person(registry, login, name) for login, name, _ in OUTSIDERS]
    zones = {a.id: row[2] for a, row in zip(members, listed, strict=False)}
    zones.update({a.id: row[2] for a, row in zip(outsiders, OUTSIDERS, strict=True)})
    bots = {login: registry.add(login, "Bot") for login in BOTS}
    return Cast(
        people=members,
        outsiders=outsiders,
        bots=bots,
        mannequin=registry.add("imported-dana", "Mannequin", "Dana (imported)"),
        acme=_acme(registry, members),
        restricted=_small(registry, "lumen-works", "Lumen Works", members[:9], restricts=True),
        plain=_small(registry, "harbor-tools", "Harbor Tools", members[:6]),
        zones=zones,
    )


def _organization(registry: _Registry, login: str, name: str) -> Organization:
    organization = Organization(registry.add(login, "Organization", name))
    registry.world.organizations[organization.account.id] = organization
    return organization


def _acme(registry: _Registry, members: list[Account]) -> Organization:
    acme = _organization(registry, "acme", "Acme")
    acme.members = {account.id: "member" for account in members}
    for owner in (members[0], *members[12:13]):
        acme.members[owner.id] = "admin"
    acme.concealed = {a.id for a in members[3:] if registry.rng.random() < 0.4}
    acme.teams = [
        _team(registry, slug, name, members[position :: len(TEAMS)])
        for position, (slug, name) in enumerate(TEAMS)
    ]
    return acme


def _team(registry: _Registry, slug: str, name: str, members: list[Account]) -> Team:
    number = registry.rng.randint(3_000_000, 15_000_000)
    return Team(number, node_id("T", number), slug, name, [account.id for account in members])


def _small(
    registry: _Registry, login: str, name: str, members: list[Account], *, restricts: bool = False
) -> Organization:
    organization = _organization(registry, login, name)
    organization.members = {account.id: "member" for account in members}
    organization.members[members[0].id] = "admin"
    organization.restricts_oauth_apps = restricts
    return organization


def hire_agents(world: World, cast: Cast) -> None:
    """Adds the agents to the world, with their real ids."""
    for login, number, kind in AGENTS:
        prefix = "U" if kind == "User" else "BOT"
        made = Account(number, node_id(prefix, number), login, kind)
        cast.agents[login] = world.accounts.setdefault(number, made)
