"""Releases: https://docs.github.com/rest/releases."""

from __future__ import annotations

from dataclasses import dataclass

from ..actions import Deed, new_id
from ..changes import CHANGES
from ..git import git_of
from ..happening import Happening
from ..node_ids import node_id
from ..world import Release
from .branches import tag


@dataclass(frozen=True)
class Version:
    """The contents of a release; a draft creates no tag."""

    tag: str
    oid: str
    name: str = ""
    draft: bool = False
    prerelease: bool = False


def release(deed: Deed, version: Version) -> tuple[Release, list[Happening]]:
    """Creates a release; hooks are notified unless it is a draft."""
    number = new_id(deed.world, "RE", deed.at)
    git = git_of(deed.repository)
    known = git.tags.get(version.tag, version.oid)
    made = Release(
        number,
        node_id("RE", deed.repository.id, number),
        version.tag,
        deed.repository.default_branch,
        version.name or version.tag,
        deed.actor,
        git.commits[known].committed_at,
        deed.at,
        draft=version.draft,
        prerelease=version.prerelease,
    )
    deed.repository.releases[number] = made
    events = [_hook_event(deed, made, "created")]
    return made, events if version.draft else events + publish(deed, made, known)


def publish(deed: Deed, made: Release, oid: str) -> list[Happening]:
    """Ends the draft: its tag exists from now on."""
    if made.tag not in git_of(deed.repository).tags:
        tag(deed, made.tag, oid)
    made.draft, made.published_at, made.updated_at = False, deed.at, deed.at
    kind = "prereleased" if made.prerelease else "released"
    return [_hook_event(deed, made, action) for action in ("published", kind)]


def edit(deed: Deed, made: Release, name: str) -> list[Happening]:
    """Renames it."""
    before, made.name, made.updated_at = made.name, name, deed.at
    return [_hook_event(deed, made, "edited", changes={"name": {"from": before}})]


def delete(deed: Deed, made: Release) -> list[Happening]:
    """Deletes it; its tag stays."""
    del deed.repository.releases[made.id]
    return [_hook_event(deed, made, "deleted")]


def _hook_event(deed: Deed, made: Release, action: str, **more: object) -> Happening:
    about = {"release": made, **more}
    CHANGES.count += 1
    return Happening("release", action, deed.repository, sender=deed.actor, extra=about)
