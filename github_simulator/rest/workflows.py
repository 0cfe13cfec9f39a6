"""Workflows and their runs: https://docs.github.com/rest/actions/workflow-runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ..world import Repository, Workflow, WorkflowRun
from .accounts import login
from .delivery_shapes import run_shape, workflow_shape
from .endpoint import NOT_FOUND, REPOSITORY_PATHS, Call, RefusedError, endpoints, find_repository

MOST_FOUND = 1000  # of a list with any of these filters
_FILTERS = ("actor", "branch", "check_suite_id", "created", "event", "head_sha", "status")
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_FAR_AHEAD = datetime(9999, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


async def workflows(call: Call) -> Any:
    repository = find_repository(call)
    every = list(repository.workflows.values())
    shown = [workflow_shape(call.url, repository, each) for each in call.page(every)]
    return {"total_count": len(every), "workflows": shown}


def _workflow(call: Call) -> tuple[Repository, Workflow]:
    """By its id, or by its file name."""
    repository, wanted = find_repository(call), call.parameter("workflow")
    for each in repository.workflows.values():
        if wanted in (str(each.id), each.path.rpartition("/")[2]):
            return repository, each
    raise NOT_FOUND


async def workflow(call: Call) -> Any:
    return workflow_shape(call.url, *_workflow(call))


async def workflow_runs(call: Call) -> Any:
    repository, of = _workflow(call)
    return _listed(call, repository, [r for r in repository.runs.values() if r.workflow is of])


async def runs(call: Call) -> Any:
    repository = find_repository(call)
    return _listed(call, repository, list(repository.runs.values()))


def _listed(call: Call, repository: Repository, every: list[WorkflowRun]) -> Any:
    """The newest first. `total_count` counts all, but a filtered list ends at a thousand."""
    between = _between(call.query("created"))
    found = [run for run in every if _is_asked_for(call, run, between)]
    found.sort(key=lambda run: (run.created_at, run.id), reverse=True)
    filtered = any(call.query(name) for name in _FILTERS)
    shown = call.page(found[:MOST_FOUND] if filtered else found)
    drawn = [run_shape(call.url, repository, run) for run in shown]
    return {"total_count": len(found), "workflow_runs": drawn}


def _is_asked_for(call: Call, run: WorkflowRun, between: tuple[datetime, datetime]) -> bool:
    known = {
        "actor": login(run.actor) if run.actor else "ghost",
        "branch": run.branch,
        "event": run.event,
        "head_sha": run.oid,
    }
    if any(call.query(name) not in ("", value) for name, value in known.items()):
        return False
    status = call.query("status")
    return (not status or status in (run.status, run.conclusion)) and (
        between[0] <= run.created_at <= between[1]
    )


def _between(text: str) -> tuple[datetime, datetime]:
    """A range of the search syntax: `A..B`, `>=A`, `<B`, or a day. Refuses anything else."""
    try:
        return _range(text)
    except ValueError as error:
        field = {"resource": "WorkflowRun", "field": "created", "code": "invalid"}
        raise RefusedError(422, "Validation Failed", errors=[field]) from error


def _range(text: str) -> tuple[datetime, datetime]:
    if not text:
        return _LONG_AGO, _FAR_AHEAD
    if ".." in text:
        first, _, last = text.partition("..")
        begin = _LONG_AGO if first == "*" else _ends(first)[0]
        return begin, _FAR_AHEAD if last == "*" else _ends(last)[1]
    if text[:2] in (">=", "<="):
        begin, end = _ends(text[2:])
        return (begin, _FAR_AHEAD) if text[0] == ">" else (_LONG_AGO, end)
    if text[0] in "<>":
        begin, end = _ends(text[1:])
        return (end + _SECOND, _FAR_AHEAD) if text[0] == ">" else (_LONG_AGO, begin - _SECOND)
    return _ends(text)


def _ends(text: str) -> tuple[datetime, datetime]:
    """A timestamp, twice, or the first and the last second of a day."""
    begin = datetime.fromisoformat(text.replace(" ", "+"))
    begin = begin if begin.tzinfo else begin.replace(tzinfo=UTC)
    return begin, begin + timedelta(days=1) - _SECOND if len(text) == len("2026-01-01") else begin


def _run(call: Call) -> tuple[Repository, WorkflowRun]:
    repository = find_repository(call)
    found = repository.runs.get(int(call.parameter("run")))
    if found is None:
        raise NOT_FOUND
    return repository, found


async def run(call: Call) -> Any:
    return run_shape(call.url, *_run(call))


_ONE = "/actions/workflows/{workflow}"
routes = [
    route
    for path, handler in (
        ("/actions/workflows", workflows),
        (_ONE, workflow),
        (f"{_ONE}/runs", workflow_runs),
        ("/actions/runs", runs),
        ("/actions/runs/{run:int}", run),
    )
    for route in endpoints(
        REPOSITORY_PATHS, path, handler, scopes=("repo",), permission="actions=read"
    )
]
