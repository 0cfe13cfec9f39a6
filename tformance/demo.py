"""`tformance demo`: the whole program with a simulated GitHub, on this machine alone."""

from __future__ import annotations

import json
import os
import secrets
import sys
from pathlib import Path

import click
import django

from tformance import environment, ports
from tformance.processes import Part, processes

EMAIL = "alice@example.com"
WEB_PORT, GITHUB_PORT = 8000, 9100  # unless they are taken
PORTS = "ports.json"
START = 60.0  # seconds that the simulated GitHub has to start
CALLBACKS = ("/accounts/github/login/callback/", "/integrations/github/callback/")
NOT_FOR_US = (
    *("DATABASE_URL", "EMAIL_", "GITHUB_", "OIDC_", "REDIS_URL", "SECRET_KEY", "SIGN_UP"),
    "TOKEN_ENCRYPTION_",
)


def demo() -> None:
    """Run until interrupted. Everything is kept in its folder; without it, the demo starts over."""
    folder = _folder()
    former_web, usual = _first_ports(folder)
    # The simulated GitHub keeps its port: all fetched data contains its address.
    web, github = ports.free_port(WEB_PORT, former_web), ports.free_port(usual)
    _configure(folder, web, github)
    django.setup()
    from tformance import up

    with up.alone(), processes(folder / "log") as group, up.explained(group):
        _explain("tformance is", web, WEB_PORT)
        _explain("the made-up GitHub is", github, usual)
        _keep_first_ports(folder, web, github)
        up.say("Starting a made-up GitHub …")
        group.start(_simulator(folder, web, github))
        up.prepare()
        password = _sign_in(folder)
        up.serve(group, "127.0.0.1", web)
        group.wait_until(lambda: not ports.is_free(github), START)
        click.echo(
            f"Open http://localhost:{web} and sign in as {EMAIL} with the password {password} "
            "(Ctrl-C ends it)"
        )
        up.say(f"Mail is not sent: it is written to {group.log_folder / 'web.log'}.")
        group.watch()


def _folder() -> Path:
    folder = environment.data_dir() / "demo"
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder


def _first_ports(folder: Path) -> tuple[int, int]:
    """The ports used at the first start."""
    file = folder / PORTS
    web, github = json.loads(file.read_text()) if file.exists() else (WEB_PORT, GITHUB_PORT)
    return web, github


def _keep_first_ports(folder: Path, web: int, github: int) -> None:
    # Only the first time: a one-off substitute must not become the usual port.
    if not (folder / PORTS).exists():
        (folder / PORTS).write_text(json.dumps((web, github)))


def _explain(what: str, port: int, usual: int) -> None:
    from tformance import up

    if port != usual:
        up.say(f"Port {usual} is taken by another program: {what} at {port} this time.")


def _configure(folder: Path, web: int, github: int) -> None:
    from github_simulator.tokens import default_app

    for name in list(os.environ):
        if name.startswith(NOT_FOR_US):
            del os.environ[name]
    app = default_app(())
    os.environ.update(
        DATA_DIR=str(folder),
        DEBUG="0",
        PUBLIC_URL=f"http://localhost:{web}",
        GITHUB_URL=f"http://127.0.0.1:{github}",
        GITHUB_CLIENT_ID=app.client_id,
        GITHUB_CLIENT_SECRET=app.client_secret,
    )


def _simulator(folder: Path, web: int, github: int) -> Part:
    callbacks = [f"--callback-url=http://localhost:{web}{path}" for path in CALLBACKS]
    kept = f"--keep={folder / 'github.world'}"
    command = (sys.executable, "-m", "github_simulator", "--live", f"--port={github}", kept)
    return Part("github", (*command, *callbacks))


def _sign_in(folder: Path) -> str:
    """Alice's password; creates her and her team if they are missing."""
    from allauth.account.models import EmailAddress

    from apps.teams.membership import create_team
    from apps.users.models import User

    password = environment.read_or_create(folder / "password", secrets.token_urlsafe(9))
    alice, _ = User.objects.get_or_create(email=EMAIL, defaults={"first_name": "Alice"})
    if not alice.check_password(password):
        alice.set_password(password)
        alice.save()
    EmailAddress.objects.get_or_create(
        user=alice, email=EMAIL, defaults={"primary": True, "verified": True}
    )
    if not alice.memberships.exists():
        create_team("Acme", alice)
    return password
