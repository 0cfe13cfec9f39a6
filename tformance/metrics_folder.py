"""Where the processes of a machine keep what they count, so that any of them can tell the sum.

https://prometheus.github.io/client_python/multiprocess/
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tformance import environment

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # read by prometheus_client when it is imported


def begin(part: str) -> dict[str, str]:
    """What a part's environment needs to count from zero; nothing where nobody asks."""
    if not environment.text("METRICS_TOKEN"):
        return {}
    folder = environment.data_dir() / "metrics" / part
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return {VARIABLE: str(folder)}


def files(data_dir: Path) -> list[str]:
    """What all parts on this machine have counted since they were started."""
    return [str(each) for each in sorted((data_dir / "metrics").glob("*/*.db"))]
