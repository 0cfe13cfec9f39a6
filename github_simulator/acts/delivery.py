"""Acts after the merge: pushes to branches, tags, deployments, releases, runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from ..actions import Deed, happened
from ..delivery import branches, deployments, releases, workflows
from ..git import git_of, resolve
from ..happening import Happening
from ..state import Simulator
from ..world import Deployment, Release, WorkflowRun
from . import named
from .named import Act, ImpossibleError, Json
from .pull_requests import announce, commits

Found = tuple[Json, list[Happening]]


def _doing(do: Callable[[Deed, Json], Found]) -> Act:
    def acted(simulator: Simulator, given: Json) -> Json:
        answer, happenings = do(named.deed(simulator, given), given)
        announce(simulator, happenings)
        return answer

    return acted


def _oid(deed: Deed, given: Json) -> str:
    """The commit of `ref` or `sha`; of the default branch if neither is given."""
    name = given.get("sha") or given.get("ref") or deed.repository.default_branch
    found = resolve(deed.repository, name)
    if found is None:
        raise ImpossibleError(f"{deed.repository.full_name} has no {name}.")
    return found


def _branch(deed: Deed, given: Json) -> str:
    name: str = given.get("branch", deed.repository.default_branch)
    return name


def _push_branch(deed: Deed, given: Json) -> Found:
    branch = _branch(deed, given)
    happenings = branches.push(deed, branch, commits(deed, given))
    return {"sha": git_of(deed.repository).heads[branch]}, happenings


def _reset_branch(deed: Deed, given: Json) -> Found:
    """A force push: to a commit, or back by a number of first parents."""
    branch = _branch(deed, given)
    git_of(deed.repository)
    if "drop" in given:
        happenings = branches.rewrite(deed, branch, given["drop"])
    else:
        happenings = branches.reset(deed, branch, _oid(deed, given))
    return {"sha": git_of(deed.repository).heads[branch]}, happenings


def _move_tag(deed: Deed, given: Json) -> Found:
    oid = _oid(deed, given)
    return {"sha": oid}, branches.tag(deed, given["tag"], oid)


def _deploy(deed: Deed, given: Json) -> Found:
    target = deployments.Target(
        _oid(deed, given),
        given.get("environment", "production"),
        given.get("ref", ""),
        given.get("production_environment"),
        given.get("transient_environment", False),
    )
    made, happenings = deployments.deploy(deed, target)
    for pull in deed.repository.pull_requests.values():
        if pull.state == "OPEN" and pull.head_oid == made.oid:
            happened(deed, pull, "DeployedEvent", deployment=made)
    if state := given.get("state"):
        happenings += deployments.set_status(deed, made, state)
    return {"id": made.id, "node_id": made.node_id, "sha": made.oid}, happenings


def _deployment(deed: Deed, given: Json) -> Deployment:
    wanted = given["deployment"]
    for each in deed.repository.deployments.values():
        if wanted in (each.id, each.node_id):
            return each
    raise ImpossibleError(f"There is no deployment {wanted}.")


def _set_status(deed: Deed, given: Json) -> Found:
    found = _deployment(deed, given)
    words = given.get("description", "")
    return {"id": found.id}, deployments.set_status(deed, found, given["state"], words)


def _release(deed: Deed, given: Json) -> Found:
    version = releases.Version(
        given["tag"],
        _oid(deed, given),
        given.get("name", ""),
        given.get("draft", False),
        given.get("prerelease", False),
    )
    made, happenings = releases.release(deed, version)
    return {"id": made.id, "node_id": made.node_id, "sha": version.oid}, happenings


def _found_release(deed: Deed, given: Json) -> Release:
    found = deed.repository.releases.get(given["release"])
    if found is None:
        raise ImpossibleError(f"There is no release {given['release']}.")
    return found


def _publish(deed: Deed, given: Json) -> Found:
    found = _found_release(deed, given)
    return {"id": found.id}, releases.publish(deed, found, _oid(deed, given))


def _edit_release(deed: Deed, given: Json) -> Found:
    found = _found_release(deed, given)
    return {"id": found.id}, releases.edit(deed, found, given["name"])


def _delete_release(deed: Deed, given: Json) -> Found:
    return {}, releases.delete(deed, _found_release(deed, given))


def _run_workflow(deed: Deed, given: Json) -> Found:
    """With a `conclusion` it ended `minutes` later, else it is still running."""
    of = workflows.workflow(deed, given["workflow"])
    trigger = workflows.Trigger(_branch(deed, given), _oid(deed, given), given.get("event", "push"))
    run, happenings = workflows.start(deed, of, trigger)
    if conclusion := given.get("conclusion"):
        happenings += workflows.finish(_later(deed, given), run, conclusion)
    return {"id": run.id, "workflow": of.id, "sha": run.oid}, happenings


def _later(deed: Deed, given: Json) -> Deed:
    at = deed.at + timedelta(minutes=given.get("minutes", 0))
    return Deed(deed.world, deed.repository, deed.actor, at)


def _run(deed: Deed, given: Json) -> WorkflowRun:
    found = deed.repository.runs.get(given["run"])
    if found is None:
        raise ImpossibleError(f"There is no run {given['run']}.")
    return found


def _finish_run(deed: Deed, given: Json) -> Found:
    run = _run(deed, given)
    return {"id": run.id}, workflows.finish(deed, run, given["conclusion"])


def _rerun(deed: Deed, given: Json) -> Found:
    """Another attempt, which ends at once if a `conclusion` is given."""
    run = _run(deed, given)
    happenings = workflows.again(deed, run)
    if conclusion := given.get("conclusion"):
        happenings += workflows.finish(_later(deed, given), run, conclusion)
    return {"id": run.id, "attempt": run.attempt}, happenings


ACTS: dict[str, Act] = {
    "push_branch": _doing(_push_branch),
    "reset_branch": _doing(_reset_branch),
    "move_tag": _doing(_move_tag),
    "deploy": _doing(_deploy),
    "set_deployment_status": _doing(_set_status),
    "release": _doing(_release),
    "publish_release": _doing(_publish),
    "edit_release": _doing(_edit_release),
    "delete_release": _doing(_delete_release),
    "run_workflow": _doing(_run_workflow),
    "finish_run": _doing(_finish_run),
    "rerun": _doing(_rerun),
}
