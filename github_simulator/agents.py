"""Authorship in the generated world: people, people with an assistant, agents.

People's generated work is given to agents and assistants afterwards, more of it lately than long
ago, with the marks that the tools leave and with lookalikes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from .actions import new_id
from .cast import Cast
from .git import noreply
from .node_ids import node_id
from .world import Account, Commit, Label, PullRequest, Repository, Review, World

_FOOTER = "\U0001f916 Generated with [Claude Code](https://claude.com/claude-code)"
_CLAUDE = "Co-Authored-By: Claude <noreply@anthropic.com>"
_CODEX = "https://chatgpt.com/codex/tasks/task_e_{number:x}"
_DEVIN = "Link to Devin run: https://app.devin.ai/sessions/{number:032x}"
_COPILOT = "Co-authored-by: Copilot <223556219+Copilot@users.noreply.github.com>"
_WEAK = "Co-authored-by: Copilot <copilot@github.com>"
_RABBIT = "<!-- This is an auto-generated comment: release notes by coderabbit.ai -->"


class Desk:
    """Changes one pull request; every choice depends on the seed."""

    def __init__(self, world: World, cast: Cast, rng: Random) -> None:
        self.world, self.cast, self.rng = world, cast, rng

    # Agents

    def copilot(self, pull: PullRequest) -> None:
        """Its account opens and commits; the requester is a co-author by noreply address."""
        person, agent = pull.author, self.cast.agents["copilot-swe-agent"]
        self._authored(pull, agent, _slug("copilot", pull))
        if person and self.rng.random() < 0.9:
            _trailer(pull.commits, f"Co-authored-by: {person.login} <{noreply(person)}>")
        self._review(pull, agent, pull.created_at + timedelta(minutes=self.rng.randint(3, 90)))

    def devin(self, pull: PullRequest) -> None:
        """The requester is a co-author by an own address, which GitHub knows."""
        person, agent = pull.author, self.cast.agents["devin-ai-integration"]
        self._authored(pull, agent, _slug("devin", pull))
        _add(pull, _DEVIN.format(number=pull.id))
        if person and self.rng.random() < 0.95:
            _trailer(pull.commits, f"Co-Authored-By: {person.name} <{person.login}@mail.example>")

    def cursor(self, pull: PullRequest) -> None:
        """A person opens it; most commits are by an agent whose account is of type User."""
        agent = self.cast.agents["cursoragent"]
        most = len(pull.commits) // 2 + 1
        _sign(pull.commits[:most], agent, "Cursor Agent", "cursoragent@cursor.com")
        pull.head_ref = _slug("cursor", pull)

    def _authored(self, pull: PullRequest, agent: Account, branch: str) -> None:
        """The agent opens it; later work of the person stays the person's."""
        pull.author, pull.head_ref = agent, branch
        _sign(pull.commits, agent, agent.login, noreply(agent))

    # Assistants

    def claude(self, pull: PullRequest) -> None:
        if trailed := self.rng.random() < 0.84:
            _trailer(pull.commits, _CLAUDE)
        if not trailed or self.rng.random() < 0.8:
            _add(pull, _FOOTER)

    def codex(self, pull: PullRequest) -> None:
        pull.head_ref = _slug("codex", pull)
        if self.rng.random() < 0.47:
            _add(pull, _CODEX.format(number=pull.id))

    def command_line(self, pull: PullRequest) -> None:
        _trailer(pull.commits[-1:], _COPILOT)

    def editor(self, pull: PullRequest) -> None:
        _trailer(pull.commits[:1], "Made-with: Cursor")

    def aider(self, pull: PullRequest) -> None:
        for commit in pull.commits:
            commit.author_name = f"{commit.author_name} (aider)"

    def labelled(self, pull: PullRequest) -> None:
        home = zlib.crc32((pull.head_repository or "").encode())
        number = 9_000_000_000 + home  # one label a repository, created after all others
        name = "claude-code-assisted"
        pull.labels.append(Label(number, node_id("LA", number), name, "d97757"))

    def described(self, pull: PullRequest) -> None:
        """A program only wrote its description."""
        _add(pull, self.rng.choice((_RABBIT, "<!-- CURSOR_SUMMARY -->")))

    # No marks

    def prose(self, pull: PullRequest) -> None:
        pull.title = self.rng.choice(
            ("Document how we use Claude Code", "Compare Cursor and Codex")
        )

    def quoted(self, pull: PullRequest) -> None:
        quote = f"> {_FOOTER}" if self.rng.random() < 0.5 else f"```\n{_FOOTER}\n```"
        _add(pull, f"Our template no longer ends so:\n\n{quote}")

    def weak(self, pull: PullRequest) -> None:
        """An editor added this to commits without AI."""
        _trailer(pull.commits[-1:], _WEAK)

    # Reviewers that are not people

    def reviewed(self, pull: PullRequest, login: str) -> None:
        when = (ready(pull) or pull.created_at) + timedelta(minutes=self.rng.randint(2, 12))
        self._review(pull, self.cast.agents[login], when, self.rng.randint(0, 4))

    def _review(self, pull: PullRequest, who: Account, when: datetime, comments: int = 1) -> None:
        if when >= (pull.closed_at or pull.updated_at):
            return
        number = new_id(self.world, "PRR", when)
        name = node_id("PRR", pull.id, number)
        text = "Reviewed." if comments else ""
        made = Review(number, name, who, "COMMENTED", when, when, text, comments, pull.head_oid)
        pull.reviews.append(made)
        pull.reviews.sort(key=lambda each: each.submitted_at or each.updated_at)
        pull.comments += comments


def ready(pull: PullRequest) -> datetime | None:
    """When it was last marked ready."""
    marked = [e.created_at for e in pull.timeline if e.type == "ReadyForReviewEvent"]
    return marked[-1] if marked else None


def _slug(tool: str, pull: PullRequest) -> str:
    return f"{tool}/{pull.head_ref.rpartition('/')[2]}"


def _sign(commits: list[Commit], account: Account, name: str, email: str) -> None:
    for commit in commits:
        commit.author = commit.committer = account
        commit.author_name, commit.author_email = name, email


def _trailer(commits: list[Commit], line: str) -> None:
    for commit in commits:
        _, gap, last = commit.message.rpartition("\n\n")
        together = gap and ": " in last.partition("\n")[0]
        commit.message = f"{commit.message}\n{line}" if together else f"{commit.message}\n\n{line}"


def _add(pull: PullRequest, text: str) -> None:
    pull.body = f"{pull.body}\n\n{text}".lstrip()


Change = Callable[[Desk, PullRequest], None]
# The shares of the newest work, in per cent; a year ago they were a fifth.
SHARES: tuple[tuple[float, Change], ...] = (
    (9.0, Desk.copilot),
    (4.0, Desk.devin),
    (4.0, Desk.cursor),
    (17.0, Desk.claude),
    (7.0, Desk.codex),
    (3.0, Desk.command_line),
    (4.0, Desk.editor),
    (1.0, Desk.aider),
    (1.0, Desk.labelled),
    (2.5, Desk.described),
    (0.6, Desk.prose),
    (0.8, Desk.quoted),
    (2.0, Desk.weak),
)
REVIEWERS = {"coderabbitai": 3, "copilot-pull-request-reviewer": 4}  # one in this many repositories


def join(world: World, cast: Cast, seed: int, start: datetime, now: datetime) -> None:
    """Agents and assistants take over a part of the organisation's work."""
    rng = Random(f"agents {seed}")
    desk = Desk(world, cast, rng)
    owned = [each for each in world.repositories.values() if each.owner is cast.acme.account]
    for place, repository in enumerate(owned):
        for pull in repository.pull_requests.values():
            lately = max(0.0, (pull.created_at - start) / (now - start))
            _change(desk, rng, pull, 0.2 + 0.8 * lately**1.5)
        _let_review(desk, rng, place, repository)


def _change(desk: Desk, rng: Random, pull: PullRequest, share_of_now: float) -> None:
    chance = rng.random() * 100 / share_of_now
    person = pull.author
    if person is None or person.type != "User" or len(pull.commits) > 40:
        return
    if pull.title.startswith("Revert ") or pull.head_repository != _home(pull, desk):
        return
    for share, change in SHARES:
        if chance < share:
            change(desk, pull)
            return
        chance -= share


def _home(pull: PullRequest, desk: Desk) -> str | None:
    """Its own repository's name: an agent does not work in a fork."""
    owner = desk.cast.acme.account
    return pull.head_repository if pull.head_repository_owner is owner else None


def _let_review(desk: Desk, rng: Random, place: int, repository: Repository) -> None:
    for login, every in REVIEWERS.items():
        for pull in repository.pull_requests.values() if place % every == 1 else ():
            if not _is_a_bump(pull) and rng.random() < 0.8:
                desk.reviewed(pull, login)


def _is_a_bump(pull: PullRequest) -> bool:
    return pull.author is not None and pull.author.login in ("dependabot", "renovate")
