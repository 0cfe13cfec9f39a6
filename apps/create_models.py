"""A migration operation that creates many models at once."""

from typing import Any

from django.db.migrations.operations import CreateModel
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState


class CreateModels(Operation):
    """Creates models and renders them once; Django renders every related model after each one."""

    serialization_expand_args = ["models"]  # one model a line when a migration is written

    def __init__(self, models: list[CreateModel]) -> None:
        self.models = models

    def describe(self) -> str:
        """What `migrate --plan` shows for this operation."""
        return "Create " + ", ".join(model.name for model in self.models)

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Adds all models to the state."""
        state.__dict__.pop("apps", None)  # rendered again when the tables are created
        for model in self.models:
            model.state_forwards(app_label, state)

    def database_forwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        """Creates the tables."""
        for model in self.models:
            model.database_forwards(app_label, schema_editor, *states)

    def database_backwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        """Drops the tables, the last one first."""
        for model in reversed(self.models):
            model.database_backwards(app_label, schema_editor, *states)
