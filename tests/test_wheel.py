"""The wheel as a stranger installs it: into an empty environment, without a checkout or Node."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests import journey
from tests.absence import absent
from tests.conftest import Installation, installation, small_world
from tests.program import ROOT, on_one_machine

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as by `make wheel`."""
    if not (ROOT / "node_modules/echarts").is_dir():
        absent("no charts in node_modules; `make setup` brings them")
    # In a copy: building leaves folders behind, and other tests read this checkout.
    source = tmp_path_factory.mktemp("source") / "tformance"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    (source / "node_modules").symlink_to(ROOT / "node_modules")
    folder = tmp_path_factory.mktemp("wheel")
    quiet = ("-q", "--disable-pip-version-check", "--no-deps", "--no-build-isolation")
    command = [sys.executable, "-m", "pip", "wheel", *quiet, "--wheel-dir", str(folder)]
    subprocess.run([*command, str(source)], check=True, cwd=folder)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `tformance` command of an environment with only the wheel and its dependencies."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    # Most of what would be compiled is never imported.
    quiet = ("-q", "--disable-pip-version-check", "--no-compile")
    pip = [sys.executable, "-m", "pip", "--python", str(folder), "install", *quiet]
    locked = [*pip, "--require-hashes", "-r", str(ROOT / "requirements.lock")]
    try:
        subprocess.run(locked, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        absent(f"no package index: {error.stderr[-300:]}")
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True)
    return folder / "bin/tformance"


@pytest.fixture(scope="module")
def installed_wheel(
    command: Path, chromium: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """`tformance up` of the wheel, in a folder that is no checkout."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with installation(
        lambda folder, url, **settings: on_one_machine(
            folder, url, command=str(command), cwd=elsewhere, **settings
        ),
        tmp_path_factory.mktemp("data"),
        small_world(),
    ) as found:
        yield found


def test_it_works(installed_wheel: Installation, page: Page) -> None:
    """From an account to a chart."""
    page.goto(installed_wheel.program.url)
    journey.sign_up(page, "alice@example.com")
    journey.make_team(page, "Harbour")
    journey.connect(page)
    journey.choose_organization(page, "acme")
    journey.track_everything(page, "acme/billing-service")
    journey.wait_for_the_history(page)
    journey.section(page, "Overview").click()
    page.get_by_text("12 months").click()
    expect(page.locator("canvas, svg[width]").first).to_be_visible()


def run(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(folder)}
    return subprocess.run(arguments, capture_output=True, text=True, cwd=folder, env=environment)


def test_the_commands_of_django_come_with_it(command: Path, tmp_path: Path) -> None:
    ran = run(tmp_path, command, "manage", "check", "--fail-level", "WARNING")
    assert ran.returncode == 0, ran.stderr
    assert "no issues" in ran.stdout


def test_its_static_files_cannot_be_cleared_by_mistake(command: Path, tmp_path: Path) -> None:
    ran = run(tmp_path, command, "manage", "collectstatic", "--no-input", "--clear")
    assert ran.returncode == 1
    assert ran.stderr.strip().endswith("leave collectstatic out.")


def test_it_says_its_version(command: Path, tmp_path: Path) -> None:
    ran = run(tmp_path, command, "--version")
    assert ran.stdout.startswith("tformance, version ")


def test_it_carries_the_licences_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.endswith("collected/echarts-LICENSE.txt") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert [name for name in names if "/tests/" in name or name.startswith("tests/")] == []
