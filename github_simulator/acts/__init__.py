"""What tests and demos cause through the control endpoint, by name.

Each act takes its parameters from JSON, acts as an account, notifies hooks and returns what the
caller needs to continue.
"""

from __future__ import annotations

from ..state import Simulator
from . import apps, delivery, people, pull_requests, repositories, teams
from .named import Act, ImpossibleError, Json

__all__ = ["ACTS", "ImpossibleError", "act"]

ACTS: dict[str, Act] = {
    **pull_requests.ACTS,
    **delivery.ACTS,
    **repositories.ACTS,
    **people.ACTS,
    **teams.ACTS,
    **apps.ACTS,
}


def act(simulator: Simulator, name: str, given: Json) -> Json:
    """Performs the act now. Raises ImpossibleError with a reason if it is impossible."""
    if name not in ACTS:
        raise ImpossibleError(f"There is no act {name!r}; known: {', '.join(sorted(ACTS))}.")
    try:
        return ACTS[name](simulator, given) or {}
    except KeyError as error:
        raise ImpossibleError(f"{name} needs {error}.") from error
    except ValueError as error:
        raise ImpossibleError(f"{name}: {error}.") from error
