"""Saves a world to disk, so that a simulator continues where it stopped: tokens, hooks, work."""

from __future__ import annotations

import asyncio
import os
import pickle
import random
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from . import world
from .state import Simulator
from .world import World

INTERVAL = 15.0  # seconds between two saves


@dataclass(frozen=True)
class Kept:
    """What survives a restart: the world, its random state, and its origin."""

    world: World
    shape: dict[str, list[str]]
    chances: tuple[Any, ...]


def load(path: Path) -> Kept | None:
    """The saved state; None if there is none, or an older version wrote it."""
    try:
        kept = pickle.loads(path.read_bytes())  # noqa: S301 - our own file, mode 600
    except FileNotFoundError:
        return None
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, TypeError):
        return None
    return kept if isinstance(kept, Kept) and kept.shape == _shape() else None


def save(simulator: Simulator, path: Path) -> None:
    """Saves all of it, or nothing."""
    kept = Kept(simulator.world, _shape(), simulator.random.getstate())
    fresh = path.with_suffix(".fresh")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        pickle.dump(kept, file, pickle.HIGHEST_PROTOCOL)
    fresh.replace(path)


def restore(simulator: Simulator, kept: Kept) -> None:
    """Restores the random state, so that no token and no number is given twice."""
    simulator.random = random.Random()
    simulator.random.setstate(kept.chances)


async def keep(simulator: Simulator, path: Path) -> None:
    """Saves now and then until cancelled, and again at the end."""
    try:
        while True:
            await asyncio.sleep(INTERVAL)
            save(simulator, path)
    finally:
        with suppress(OSError):
            save(simulator, path)


def _shape() -> dict[str, list[str]]:
    return {
        name: [field.name for field in fields(kind)]
        for name, kind in vars(world).items()
        if isinstance(kind, type) and is_dataclass(kind)
    }
