"""What tests and demos make happen in the world through the control address, by name.

Each act takes its parameters from JSON, acts as somebody, lets hooks hear of it and answers what
the caller needs to go on.
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
    """Do it now. Raises ImpossibleError with a reason where it can't be done."""
    if name not in ACTS:
        raise ImpossibleError(f"There is no act {name!r}; known: {', '.join(sorted(ACTS))}.")
    try:
        return ACTS[name](simulator, given) or {}
    except KeyError as error:
        raise ImpossibleError(f"{name} needs {error}.") from error
    except ValueError as error:
        raise ImpossibleError(f"{name}: {error}.") from error
