"""The folder where a machine's processes keep their counters, so that any can report the sum.

https://prometheus.github.io/client_python/multiprocess/
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tformance import environment

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # read by prometheus_client when it is imported


def begin(part: str) -> dict[str, str]:
    """The environment with which a part counts from zero; empty if metrics are off."""
    if not environment.text("METRICS_TOKEN"):
        return {}
    folder = environment.data_dir() / "metrics" / part
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return {VARIABLE: str(folder)}


def files(data_dir: Path) -> list[str]:
    """The counter files of all parts on this machine since their start."""
    return [str(each) for each in sorted((data_dir / "metrics").glob("*/*.db"))]
