"""Workflows and their runs: https://docs.github.com/rest/actions/workflow-runs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..actions import Deed, new_id
from ..happening import Happening
from ..node_ids import node_id
from ..world import Workflow, WorkflowRun


@dataclass(frozen=True)
class Trigger:
    """The commit of a run, and its trigger."""

    branch: str
    oid: str
    event: str = "push"


def workflow(deed: Deed, name: str) -> Workflow:
    """The repository's workflow of that name, created if missing."""
    for each in deed.repository.workflows.values():
        if each.name == name:
            return each
    number = max(deed.repository.workflows, default=deed.repository.id % 90_000_000) + 1
    path = f".github/workflows/{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}.yml"
    made = Workflow(number, node_id("W", deed.repository.id, number), name, path, deed.at)
    deed.repository.workflows[number] = made
    return made


def start(deed: Deed, of: Workflow, trigger: Trigger) -> tuple[WorkflowRun, list[Happening]]:
    """Starts a run; hooks receive `requested` and `in_progress`."""
    number = new_id(deed.world, "WFR", deed.at)
    before = [run for run in deed.repository.runs.values() if run.workflow is of]
    made = WorkflowRun(
        number,
        node_id("WFR", deed.repository.id, number),
        of,
        len(before) + 1,
        trigger.branch,
        trigger.oid,
        trigger.event,
        deed.actor,
        created_at=deed.at,
        started_at=deed.at,
        updated_at=deed.at,
    )
    deed.repository.runs[number] = made
    events = [_hook_event(deed, made, "requested")]
    made.status = "in_progress"
    return made, [*events, _hook_event(deed, made, "in_progress")]


def finish(deed: Deed, run: WorkflowRun, conclusion: str) -> list[Happening]:
    """Ends the attempt; hooks receive `completed`."""
    run.status, run.conclusion, run.updated_at = "completed", conclusion, deed.at
    return [_hook_event(deed, run, "completed")]


def again(deed: Deed, run: WorkflowRun) -> list[Happening]:
    """Another attempt, which overwrites the one before."""
    run.attempt += 1
    run.status, run.conclusion = "in_progress", None
    run.started_at = run.updated_at = deed.at
    return [_hook_event(deed, run, "requested"), _hook_event(deed, run, "in_progress")]


def _hook_event(deed: Deed, run: WorkflowRun, action: str) -> Happening:
    about = {"run": run}
    return Happening("workflow_run", action, deed.repository, sender=deed.actor, extra=about)
