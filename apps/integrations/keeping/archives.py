"""All stored data of a team, or of a person in it, as one zip of JSON Lines, without secrets.

It is streamed: only the current piece is in memory.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from django.apps import apps
from django.db.models import Field, Model, Q, QuerySet

from apps import reading
from apps.audit import history
from apps.audit.models import AuditEvent
from apps.integrations.encryption import EncryptedTextField
from apps.integrations.people.roles import ROLES
from apps.metrics.lists import export
from apps.metrics.models import Commit, PRReview, PullRequest, TeamMember, TimelineEvent
from apps.teams.models import Membership, Team

AT_ONCE = 64 * 1024
# Hashes of keys and invitation links are secrets as well, whatever their name.
_SECRET = re.compile(r"(^|_)(key|token|secret|hash|password)($|_)")
README = """\
Everything that tformance stores about {what}, as JSON Lines: one JSON object a line, times in UTC.

pull-requests, reviews, commits, members and deployments are as in the export; everything else is
by table.
Left out: tokens, secrets and the keys of links, even if encrypted or hashed; and the log of webhook
deliveries, which is kept for thirty days and shared by a repository's teams.
"""
Files = Iterable[tuple[str, Iterable[str]]]


def of_team(team: Team) -> Iterator[bytes]:
    """The bytes of a team's archive."""
    return _zip([("README.txt", [README.format(what=f"the team {team.name}")]), *_of_team(team)])


def of_person(team: Team, accounts: list[int]) -> Iterator[bytes]:
    """The bytes of a person's archive, over all their GitHub accounts."""
    what = f"a person in the team {team.name}"
    return _zip([("README.txt", [README.format(what=what)]), *_of_person(team, accounts)])


def _of_team(team: Team) -> Files:
    yield "team.jsonl", _rows(Team.objects.filter(pk=team.pk))
    for kind in export.EXPORTS:
        yield f"{kind}.jsonl", export.export(kind, team)
    for model in apps.get_models():
        if model is AuditEvent or not _belongs(model):
            continue
        rows = model._default_manager.filter(team=team).order_by("pk")
        yield f"{model._meta.app_label}/{model._meta.model_name}.jsonl", _rows(rows)
    memberships = Membership.objects.filter(team=team).values("user__email", "role", "created_at")
    yield "users.jsonl", (_line(row) for row in memberships)
    yield "audit.jsonl", history.json_lines(reading.instances(AuditEvent.objects.filter(team=team)))


def _of_person(team: Team, accounts: list[int]) -> Files:
    members = TeamMember.objects.filter(team=team, github_id__in=accounts)
    yield "member.jsonl", _rows(members.order_by("pk"))
    for name, model in _OF_A_PERSON:
        theirs = Q()
        for role in ROLES:
            if role.model is model:
                theirs |= Q(**{f"{role.github_id}__in": accounts})
        yield (
            f"{name}.jsonl",
            _rows(model._default_manager.filter(theirs, team=team).order_by("pk")),
        )


_OF_A_PERSON: tuple[tuple[str, type[Model]], ...] = (
    ("pull-requests", PullRequest),
    ("reviews", PRReview),
    ("commits", Commit),
    ("timeline", TimelineEvent),
)


def _belongs(model: type[Model]) -> bool:
    fields = {field.name: field for field in model._meta.fields}
    return "team" in fields and fields["team"].related_model is Team


def _rows(rows: QuerySet[Any]) -> Iterator[str]:
    names = [field.attname for field in rows.model._meta.concrete_fields if not _is_secret(field)]
    for values in reading.by_key(rows, *names):
        yield _line(dict(zip(names, values, strict=True)))


def _is_secret(field: Field[Any, Any]) -> bool:
    return isinstance(field, EncryptedTextField) or bool(_SECRET.search(field.name))


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return export.instant(value)
    return value.isoformat() if isinstance(value, date) else str(value)


class _Pipe(io.RawIOBase):
    """Receives the zip's bytes; `taken` passes them on. It cannot seek: sizes come last."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        found = b"".join(self.parts)
        self.parts.clear()
        return found


def _zip(files: Files) -> Iterator[bytes]:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, lines in files:
            with archive.open(name, "w", force_zip64=True) as entry:
                for text in _joined(lines):
                    entry.write(text.encode())
                    if data := pipe.taken():
                        yield data
    yield pipe.taken()


def _joined(lines: Iterable[str]) -> Iterator[str]:
    waiting: list[str] = []
    size = 0
    for line in lines:
        waiting.append(line)
        size += len(line)
        if size > AT_ONCE:
            yield "".join(waiting)
            waiting, size = [], 0
    yield "".join(waiting)
