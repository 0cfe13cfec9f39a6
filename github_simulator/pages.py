"""The plain pages that links to GitHub lead to, open to every client."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from . import consent
from .replies import not_found
from .state import Simulator
from .story import state, story, who
from .world import PullRequest, Repository

SHOWN = 100


def simulator_of(request: Request) -> Simulator:
    """The simulator of a request."""
    simulator: Simulator = request.app.state.simulator
    return simulator


def page(title: str, content: str, *path: tuple[str, str]) -> Response:
    """A page with breadcrumbs."""
    trail = [("Simulator", "/"), *path]
    links = " / ".join(f'<a href="{escape(url)}">{escape(name)}</a>' for name, url in trail)
    filled = consent.filled("page.html", title=escape(title), path=links, content=content)
    return HTMLResponse(filled.encode("utf-8", "replace"))


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; cells are HTML already."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        "</div>"
    )


def _when(instant: datetime | None) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if instant else ""


def _link(text: str, url: str) -> str:
    return f'<a href="{escape(url)}">{escape(text)}</a>'


async def home(request: Request) -> Response:
    world = simulator_of(request).world
    owned = {id(repository.owner): repository.owner for repository in world.repositories.values()}
    rows = [
        (_link(owner.login, f"/{owner.login}"), escape(owner.name or ""), owner.type)
        for owner in owned.values()
    ]
    content = f"<h1>GitHub simulator</h1>{table(('Account', 'Name', 'Kind'), rows)}"
    return page("GitHub simulator", content)


async def account(request: Request) -> Response:
    world = simulator_of(request).world
    found = world.account(request.path_params["owner"].removesuffix("[bot]"))
    if found is None:
        return not_found()
    owned = [r for r in world.repositories.values() if r.owner is found]
    rows = [
        (
            _link(repository.name, f"/{repository.full_name}"),
            _marks(repository),
            str(len(repository.pull_requests)),
            _when(repository.pushed_at),
        )
        for repository in sorted(owned, key=lambda repository: repository.name)
    ]
    listed = table(("Repository", "", "Pull requests", "Last push"), rows)
    shown = f"<h1>{escape(found.name or found.login)}</h1>{listed}"
    return page(found.login, shown, (found.login, f"/{found.login}"))


def _marks(repository: Repository) -> str:
    marks = ["private" if repository.private else "public"]
    marks += ["archived"] * repository.archived + ["fork"] * repository.fork
    return ", ".join(marks)


def _requested_repository(request: Request) -> Repository | None:
    full_name = f"{request.path_params['owner']}/{request.path_params['repository']}"
    return simulator_of(request).world.repository(full_name)


def _trail(repository: Repository) -> tuple[tuple[str, str], tuple[str, str]]:
    owner = repository.owner.login
    return (owner, f"/{owner}"), (repository.name, f"/{repository.full_name}")


async def repository(request: Request) -> Response:
    found = _requested_repository(request)
    if found is None:
        return not_found()
    newest = sorted(found.pull_requests.values(), key=lambda p: p.updated_at, reverse=True)
    rows = [
        (
            _link(f"#{p.number} {p.title}", f"/{found.full_name}/pull/{p.number}"),
            state(p),
            escape(who(p.author)),
            _when(p.updated_at),
        )
        for p in newest[:SHOWN]
    ]
    count = f"<p>{len(newest)} pull requests; the {len(rows)} last changed are shown.</p>"
    listed = table(("Pull request", "State", "Author", "Changed"), rows)
    shown = f"<h1>{escape(found.full_name)}</h1>{count}{listed}"
    return page(found.full_name, shown, *_trail(found))


async def pull_request(request: Request) -> Response:
    home = _requested_repository(request)
    found = home.pull_requests.get(request.path_params["number"]) if home else None
    if home is None or found is None:
        return not_found()
    number = f'<span class="number">#{found.number}</span>'
    rows = [(_when(instant), escape(words)) for instant, words in story(found)]
    content = (
        f"<h1>{escape(found.title)} {number}</h1>"
        f'<p><span class="state">{state(found)}</span>{escape(_summary(found))}</p>'
        f"<h2>Facts</h2>{table(('What', 'Value'), _facts(found))}"
        f"<h2>What happened</h2>{table(('When', 'What'), rows)}"
    )
    return page(f"{found.title} · {home.full_name}", content, *_trail(home))


def _summary(found: PullRequest) -> str:
    commits = "1 commit" if len(found.commits) == 1 else f"{len(found.commits)} commits"
    return f"{who(found.author)}, {commits} from {found.head_ref} into {found.base_ref}"


def _facts(found: PullRequest) -> list[tuple[str, str]]:
    facts = [
        ("Opened", _when(found.created_at)),
        (
            "Merged",
            f"{_when(found.merged_at)} by {who(found.merged_by)}" if found.merged_at else "",
        ),
        ("Closed", _when(found.closed_at)),
        ("Changed", _when(found.updated_at)),
        ("Lines", f"+{found.additions} −{found.deletions} in {found.changed_files} files"),
        ("Comments", str(found.comments)),
        ("Labels", ", ".join(label.name for label in found.labels)),
        ("Branch of", found.head_repository or "a fork that was deleted"),
    ]
    return [(name, escape(value)) for name, value in facts if value]


routes = [
    Route("/", home),
    Route("/apps/{owner}", account),
    Route("/{owner}", account),
    Route("/{owner}/{repository}", repository),
    Route("/{owner}/{repository}/pull/{number:int}", pull_request),
]
