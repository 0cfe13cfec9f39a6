"""An operation that makes many tables at once."""

from django.db.migrations.operations import CreateModel
from django.db.migrations.operations.base import Operation


class CreateModels(Operation):
    """New models, rendered once for all: Django renders every related model anew after each."""

    serialization_expand_args = ["models"]  # one a line, where a migration is written

    def __init__(self, models: list[CreateModel]) -> None:
        self.models = models

    def describe(self) -> str:
        return "Create " + ", ".join(model.name for model in self.models)

    def state_forwards(self, app_label, state):
        state.__dict__.pop("apps", None)  # rendered again when the tables are made
        for model in self.models:
            model.state_forwards(app_label, state)

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        for model in self.models:
            model.database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        for model in reversed(self.models):
            model.database_backwards(app_label, schema_editor, from_state, to_state)
