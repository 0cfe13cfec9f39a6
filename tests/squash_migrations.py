"""Writes the squashed migrations again, up to the newest: `python -m tests.squash_migrations`.

Each creates the tables of its app as the models have them now, and replaces all numbered
migrations.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from django.db.migrations.operations import CreateModel

# For another app the first is enough: an empty database has the squashed one instead, and a
# database with the former squashed ones has it.
FIRST = "0001_initial"
ANY_USER = ("__setting__", "AUTH_USER_MODEL")
# The dependencies of each: an app of ours, or a library's migration.
APPS: dict[str, list[str | tuple[str, str]]] = {
    "users": [("auth", "0012_alter_user_first_name_max_length")],
    "teams": [
        "users",
        ("mfa", "0003_authenticator_type_uniq"),
        ("socialaccount", "0006_alter_socialaccount_extra_data"),
        ANY_USER,
    ],
    "metrics": ["teams", ANY_USER],
    "integrations": ["metrics", "teams", ANY_USER],
    "audit": ["teams", ANY_USER],
}


def main() -> None:
    django.setup()
    from django.apps import apps

    folders = {name: Path(apps.get_app_config(name).path, "migrations") for name in APPS}
    names = {name: f"0001_squashed_{_numbered(folder)[-1]}" for name, folder in folders.items()}
    texts = {name: _text(name, names[name], _numbered(folder)) for name, folder in folders.items()}
    for name, folder in folders.items():
        for former in folder.glob("0001_squashed_*.py"):
            former.unlink()
        _name_numbered(folder)
        (folder / f"{names[name]}.py").write_text(texts[name])


def _name_numbered(folder: Path) -> None:
    """Dependencies on a former squashed migration become ones on the last that it replaced."""
    for path in folder.glob("0*.py"):
        text = path.read_text()
        if "0001_squashed_" in text:
            path.write_text(text.replace("0001_squashed_", ""))


def _numbered(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("0*.py") if "squashed" not in path.stem)


def _text(app: str, name: str, numbered: list[str]) -> str:
    from django.db import migrations
    from django.db.migrations.writer import MigrationWriter

    from apps.create_models import CreateModels

    class Squashed(migrations.Migration):
        initial = True
        dependencies = [
            (needed, FIRST) if isinstance(needed, str) else needed for needed in APPS[app]
        ]
        operations = [CreateModels(list(_models(app)))]

    text = MigrationWriter(Squashed(name, app), include_header=False).as_string()
    replaces = "".join(f"        {(app, name)!r},\n" for name in numbered)
    text = text.replace("    initial =", f"    replaces = [\n{replaces}    ]\n\n    initial =", 1)
    return _with_our_operation(text)


def _models(app: str) -> Iterator[CreateModel]:
    from django.apps import apps
    from django.db.migrations.operations import CreateModel
    from django.db.migrations.state import ModelState

    for model in apps.get_app_config(app).get_models():
        state = ModelState.from_model(model)
        options = {name: value for name, value in state.options.items() if value != []}
        fields = list(state.fields.items())
        yield CreateModel(state.name, fields, options, state.bases, state.managers)


def _with_our_operation(text: str) -> str:
    module = "apps.create_models"
    text = text.replace(f"import {module}\n", "").replace(f"{module}.", "")
    return text.replace("\n\n\nclass", f"\n\nfrom {module} import CreateModels\n\n\nclass", 1)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tformance.settings")
    main()
