"""What a wheel brings besides Python: collected static files, and the licences of what they have.

Everything else about the package stands in pyproject.toml.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
LICENCES = ("LICENSE", "NOTICE")


class BuildWithAssets(build_py):
    """Adds the static files, named after their content and compressed, to what is built."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            _collect(Path(self.build_lib) / "tformance" / "collected")


def _collect(target: Path) -> None:
    echarts = HERE / "node_modules" / "echarts"
    if not echarts.is_dir():
        raise SystemExit("The charts are missing: run `make wheel`, which installs them first.")
    with tempfile.TemporaryDirectory() as data:
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "DATA_DIR": data,
            "DJANGO_SETTINGS_MODULE": "tformance.settings",
        }
        command = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"]
        subprocess.run(command, cwd=HERE, env=environment, check=True)  # noqa: S603
        shutil.copytree(Path(data) / "static", target)
    for name in LICENCES:
        shutil.copyfile(echarts / name, target / f"echarts-{name}.txt")


setup(cmdclass={"build_py": BuildWithAssets})
