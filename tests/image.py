"""`make image-check`: builds deploy/Containerfile, and runs its program from the image's own root.

It needs no daemon, no image registry and no container: buildah builds on Debian as debootstrap lays
it out, and `chroot` runs the resulting root, read-only, as the image's user, without capabilities.
It needs root and takes some minutes: packages come from Debian and PyPI.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import expect, sync_playwright

from tests import journey
from tests.browser import FLAGS, find
from tests.program import ROOT, Program, wait_until_ready
from tformance.ports import free_port

NEEDED = ("buildah", "debootstrap", "unshare")
BASE, IMAGE = "localhost/debian-python", "localhost/tformance"
RELEASE, PACKAGES = "bookworm", "python3,python3-venv,ca-certificates"
# How this machine reaches PyPI is not part of the image.
OF_THIS_MACHINE = ("/etc/pip.conf", "/etc/xdg/pip", "/etc/ssl/certs")
INSIDE = """
set -e
mount --bind "$1" "$1"
mount --options remount,bind,ro "$1"
mount --bind "$2" "$1/data"
mount --types tmpfs tmpfs "$1/tmp"
mount --types proc proc "$1/proc"
mount --rbind /dev "$1/dev"
exec chroot "$1" setpriv --reuid="${3%:*}" --regid="${3#*:}" --clear-groups \
  --bounding-set=-all --inh-caps=-all --no-new-privs env --ignore-environment "${@:4}"
"""


class Store:
    """buildah's image store: a folder of its own."""

    def __init__(self, folder: Path) -> None:
        where = ("--root", str(folder / "images"), "--runroot", str(folder / "run"))
        self._buildah = ("buildah", *where, "--storage-driver", "vfs")

    def __call__(self, *arguments: str | Path) -> str:
        """Runs a buildah command; passes its messages on, and returns its output."""
        command = [*self._buildah, *map(str, arguments)]
        return subprocess.run(
            command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    def take(self, folder: Path, name: str) -> None:
        """Makes an image of a folder."""
        container = self("from", "scratch").strip()
        self("copy", "--quiet", container, folder, "/")
        self("commit", "--quiet", "--rm", container, name)

    def build(self) -> None:
        """As in docs/deploy.md, but on a base built here."""
        mounts = [f"--volume={path}:{path}:ro" for path in OF_THIS_MACHINE if Path(path).exists()]
        options = ("--file", "deploy/Containerfile", "--tag", IMAGE, "--format", "docker")
        here = ("--isolation", "chroot", "--pull-never", "--build-arg", f"BASE={BASE}")
        self("build", *options, *here, *mounts, ".")

    def configuration(self) -> dict[str, Any]:
        """The image's user, environment, command and health check."""
        found = json.loads(self("inspect", "--type", "image", IMAGE))
        return dict(found["Docker"]["config"])

    def root(self) -> Path:
        """The image's root, unpacked."""
        return Path(self("mount", self("from", "--pull-never", IMAGE).strip()).strip())


def lay_out_debian(folder: Path) -> None:
    """The base, from the mirror that this machine uses."""
    sources = Path("/etc/apt/sources.list.d").glob("*.sources")
    text = "\n".join(path.read_text() for path in sources)
    found = re.search(r"^URIs: (\S+/debian/?)$", text, re.MULTILINE)
    mirror = [found[1]] if found else []
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", RELEASE]
    subprocess.run([*command, folder, *mirror], check=True, stdout=subprocess.DEVNULL)


class Image:
    """An unpacked image and its configuration."""

    def __init__(self, root: Path, data: Path, said: dict[str, Any], port: int) -> None:
        self.said, self.data, self.port = said, data, str(port)
        self._inside = ("bash", "-c", INSIDE, "inside", root, data, said["User"])
        os.chown(data, *map(int, said["User"].split(":")))

    def _command(self, *command: str) -> list[str | Path]:
        alone = ("unshare", "--mount", "--pid", "--fork")
        environment = (*self.said["Env"], f"PUBLIC_URL=http://127.0.0.1:{self.port}")
        here = [each.replace("8000", self.port) for each in command]
        return [*alone, *self._inside, *environment, *here]

    def run(self, *command: str) -> int:
        """Runs a command inside; returns its exit code."""
        return subprocess.run(self._command(*command), stderr=subprocess.DEVNULL).returncode

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Runs its command during the block; yields the URL."""
        url = f"http://127.0.0.1:{self.port}"
        with (self.data.parent / "test.log").open("wb") as log:
            process = subprocess.Popen(self._command(*self.said["Cmd"]), stdout=log, stderr=log)
        try:
            wait_until_ready(Program(url, self.data.parent, {}), process)
            yield url
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """As an engine stops a container: asks its first process to end."""
    [first] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(first), signal.SIGTERM)
    process.wait(30)


def look(url: str) -> None:
    """A stranger creates an account and a team, and sees its page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=list(FLAGS))
        page = browser.new_page()
        page.goto(url)
        journey.sign_up(page, "alice@example.com")
        journey.make_team(page, "Harbour")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        browser.close()


def check(folder: Path) -> None:
    """Builds it, runs it, and checks it."""
    store = Store(folder)
    lay_out_debian(folder / "debian")
    store.take(folder / "debian", BASE)
    store.build()
    (folder / "data").mkdir()
    image = Image(store.root(), folder / "data", store.configuration(), free_port())
    health = image.said["Healthcheck"]["Test"][1:]
    assert image.run("touch", "/opt/tformance/new"), "its root can be written to"
    assert image.run(*health), "it is called healthy before it runs"
    with image.serving() as url:
        assert image.run(*health) == 0, "it runs, and is not called healthy"
        look(url)


def main() -> int:
    """Exit codes: 0 it works, 1 it does not, 2 something is missing."""
    missing = [name for name in NEEDED if not shutil.which(name)]
    if missing or os.geteuid():
        sys.stderr.write(f"It needs root and {', '.join(NEEDED)}; not here: {missing or 'root'}\n")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        check(Path(folder))
    sys.stdout.write("The image was built; its program made an account and a team in a browser.\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
