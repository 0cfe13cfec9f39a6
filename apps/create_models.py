"""An operation of migrations that makes many tables at once."""

from typing import Any

from django.db.migrations.operations import CreateModel
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState


class CreateModels(Operation):
    """New models, rendered once for all: Django renders every related model anew after each."""

    serialization_expand_args = ["models"]  # one a line, where a migration is written

    def __init__(self, models: list[CreateModel]) -> None:
        self.models = models

    def describe(self) -> str:
        """What `migrate --plan` says of it."""
        return "Create " + ", ".join(model.name for model in self.models)

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Adds all of them."""
        state.__dict__.pop("apps", None)  # rendered again when the tables are made
        for model in self.models:
            model.state_forwards(app_label, state)

    def database_forwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        """Makes their tables."""
        for model in self.models:
            model.database_forwards(app_label, schema_editor, *states)

    def database_backwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        """Drops their tables, the last first."""
        for model in reversed(self.models):
            model.database_backwards(app_label, schema_editor, *states)
