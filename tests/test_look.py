"""The colours of the product are readable; tests/pages checks the pages themselves."""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path

import pytest

STYLES = Path(__file__).resolve().parent.parent / "tformance" / "static" / "tformance.css"
ON_PAPER = ["text", "muted", "accent", "accent-strong", "good", "warn", "bad"]
STAGES = ["stage-coding", "stage-pickup", "stage-review", "stage-merge", "stage-deploy"]
PAIRS = [
    *itertools.product(ON_PAPER, ["paper", "raised", "sunken"]),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("accent", "accent-tint"),
    ("good", "good-tint"),
    ("warn", "warn-tint"),
    ("bad", "bad-tint"),
    *itertools.product(["text"], ["accent-tint", "good-tint", "warn-tint", "bad-tint"]),
]


def schemes() -> dict[str, dict[str, str]]:
    """The colours of each block of the style sheet that sets them."""
    blocks = re.findall(r"(:root[^{]*)\{([^}]*--paper:[^}]*)\}", STYLES.read_text())
    read = {name.strip(): dict(re.findall(r"--([\w-]+): (#\w+);", body)) for name, body in blocks}
    return {
        "light": read[":root"],
        "dark": read[':root[data-theme="dark"]'],
        "dark by the system": read[':root:not([data-theme="light"])'],
    }


def luminance(colour: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def lightness(colour: str) -> float:
    """L* of CIELAB, 0 to 100."""
    return 116 * math.cbrt(luminance(colour)) - 16


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_works(scheme: str) -> None:
    colours = schemes()[scheme]
    for front, back in PAIRS:
        assert contrast(colours[front], colours[back]) >= 4.5, (front, back)


def test_dark_is_dark_however_it_was_chosen() -> None:
    assert schemes()["dark"] == schemes()["dark by the system"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_stages_stand_out_and_differ_by_lightness_too(scheme: str) -> None:
    colours = schemes()[scheme]
    assert all(contrast(colours[stage], colours["paper"]) >= 3 for stage in STAGES)
    levels = sorted(lightness(colours[stage]) for stage in STAGES)
    assert all(higher - lower >= 8 for lower, higher in itertools.pairwise(levels))
