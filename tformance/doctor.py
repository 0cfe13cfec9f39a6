"""`tformance doctor`: checks everything that the program depends on and says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import click
import django
import httpx
from django.conf import settings
from redis.exceptions import RedisError, ResponseError

from tformance import doctor_mail, doctor_sign_in, environment
from tformance.findings import NOTE, OK, PROBLEM, Finding
from tformance.output import visible
from tformance.redaction import redact

OLDEST_SERVER = (3, 17)  # the oldest version that GitHub supports itself
SILENCE = 120.0  # seconds without a sign of life that are still normal


def doctor(mail: str | None = None) -> bool:
    """Print a line for each check; returns whether there is no problem."""
    django.setup()
    well = True
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        *(_settings, _database, doctor_sign_in.rule, _broker, _worker, _public_url),
        *(partial(doctor_mail.findings, mail), doctor_sign_in.company, _hooks, _github, _tokens),
    )
    for check in checks:
        for finding in check():
            well = well and finding.state != PROBLEM
            _print(finding)
    click.echo("All is well." if well else "Something needs your attention.")
    return well


def _print(finding: Finding) -> None:
    colour = {OK: "green", NOTE: "yellow", PROBLEM: "red"}[finding.state]
    shown = visible(f"{finding.subject}: {finding.text}")
    click.echo(f"{click.style(f'{finding.state:8}', colour)}{shown}")
    if finding.todo:
        click.echo(f"{'':8}{visible(finding.todo)}")


def _settings() -> Iterator[Finding]:
    # An invalid value would have ended the program before this line.
    yield Finding(OK, "settings", f"can all be read; data is kept in {settings.DATA_DIR}")
    for name, meant in environment.misspelt():
        yield Finding(NOTE, name, "is no setting", f"Did you mean {meant}?")
    for name in ("SECRET_KEY", "TOKEN_ENCRYPTION_KEYS"):
        if not environment.text(name) and settings.PUBLIC_URL.startswith("https"):
            yield Finding(
                NOTE,
                name,
                f"is not set; the one in {settings.DATA_DIR} is used",
                "Keep a copy of it with your backups, or set it on every machine.",
            )
    if settings.DEBUG:
        yield Finding(NOTE, "DEBUG", "is on", "Turn it off where others can reach the program.")


def _database() -> Iterator[Finding]:
    from django.db import DatabaseError, connection

    from tformance import health

    kind = connection.vendor
    try:
        has_all = health.has_all_tables()
    except DatabaseError as error:
        text = f"{kind} cannot be reached: {_in_a_line(error)}"
        yield Finding(PROBLEM, "database", text, "Check DATABASE_URL.")
        return
    if not has_all:
        todo = "Run `tformance release`, or start with `tformance up`."
        yield Finding(PROBLEM, "database", "its tables are not up to date", todo)
    else:
        yield Finding(OK, "database", f"{kind}, tables up to date")
        if kind == "postgresql":
            yield from _titles()
            yield from _clock()
    if kind == "sqlite" and _journal_mode() != "wal":
        todo = "Put DATA_DIR on a local disk; network folders do not work."
        yield Finding(PROBLEM, "database", "SQLite cannot use its write-ahead log here", todo)


def _clock() -> Iterator[Finding]:
    from apps.integrations.work import clock

    difference = clock.ahead()
    if abs(difference) >= clock.REPORTED_FROM:
        text = clock.sentence(difference)
        yield Finding(PROBLEM, "clock", text, "Set the clocks of all machines by one time server.")


def _titles() -> Iterator[Finding]:
    from apps.metrics.filters import titles

    if not titles.has_index():
        todo = "Let a superuser of the database run CREATE EXTENSION pg_trgm; then migrate again."
        yield Finding(NOTE, "titles", "are searched without an index", todo)


def _journal_mode() -> str:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        return str(cursor.fetchone()[0])


def _broker() -> Iterator[Finding]:
    from tformance import health

    name = "Redis" if settings.REDIS_URL else f"a folder in {settings.DATA_DIR}"
    try:
        health.reach_broker()
    except (RedisError, OSError) as error:
        if isinstance(error, ResponseError):  # Such as READONLY, OOM or MISCONF.
            text, todo = "refuses to write", "Check Redis; workers go on by themselves."
        else:
            text, todo = "cannot be reached", "Check REDIS_URL."
        yield Finding(PROBLEM, "broker", f"{name} {text}: {_in_a_line(error)}", todo)
    else:
        yield Finding(OK, "broker", name)


def _in_a_line(error: Exception) -> str:
    return redact(" ".join(str(error).split()))


def _terminal_only() -> bool:
    """Whether there is only data of `tformance sync`, and no user of the web pages."""
    from django.db import DatabaseError

    from apps.integrations.models import IntegrationCredential, TrackedRepository
    from apps.teams.models import Membership

    by_setting = IntegrationCredential.Kind.ENVIRONMENT
    others = IntegrationCredential.objects.exclude(kind=by_setting)
    try:
        has_web = Membership.objects.exists() or others.exists()
        return not has_web and TrackedRepository.objects.exists()
    except DatabaseError:
        return False


def _worker() -> Iterator[Finding]:
    from tformance import health, heartbeat

    if _terminal_only():
        yield Finding(OK, "worker", "not needed, since only the command line is used here")
        return
    if health.broker() != "ok":
        return  # told already
    age = heartbeat.age()
    todo = "Start `tformance up`, or a worker and a schedule as docs/deploy.md shows."
    if age is None:
        yield Finding(PROBLEM, "worker", "has never given a sign of life", todo)
    elif age > SILENCE:
        yield Finding(PROBLEM, "worker", f"gave its last sign of life {age / 60:.0f} min ago", todo)
    else:
        yield Finding(OK, "worker", f"gave a sign of life {age:.0f} s ago")


def _public_url() -> Iterator[Finding]:
    from apps.integrations.github.errors import GitHubError
    from apps.integrations.github.transport import Transport
    from tformance import health

    if _terminal_only():
        yield Finding(OK, "web", "not needed, since only the command line is used here")
        return
    address = f"{settings.PUBLIC_URL}/health/ready"
    try:
        with Transport(address, name=settings.PUBLIC_URL, timeout=5) as http:
            reply = http.get(address)
            page = http.get(f"{settings.PUBLIC_URL}/")
    except GitHubError as error:
        todo = "Start `tformance up`, or check PUBLIC_URL and the proxy before it."
        if "CERTIFICATE_VERIFY_FAILED" in error.message:
            todo = "If your own authority signed it, name its certificates by SSL_CERT_FILE."
        yield Finding(PROBLEM, "web", error.message, todo)
        return
    if health.INSTALLATION in reply.headers and (
        reply.headers[health.INSTALLATION] != health.installation()
    ):
        todo = "End that one, or set PUBLIC_URL, SECRET_KEY and DATA_DIR as this one has them."
        text = f"another installation of tformance answers at {settings.PUBLIC_URL}"
        yield Finding(PROBLEM, "web", text, todo)
    elif reply.status_code != httpx.codes.OK:
        todo = "Check that PUBLIC_URL leads to tformance and that the lines above are well."
        yield Finding(PROBLEM, "web", f"{address} answers {reply.status_code}", todo)
    elif page.status_code == httpx.codes.OK:
        yield Finding(OK, "web", f"{settings.PUBLIC_URL} answers")
    else:
        yield from _pages(page)


def _pages(page: httpx.Response) -> Iterator[Finding]:
    """Health checks work at any address; pages need headers that only the proxy can set."""
    address = page.url
    if page.status_code == httpx.codes.BAD_REQUEST:
        text = f"{address} answers 400, since it is asked by another name"
        todo = "Let the proxy hand on the Host that it is sent, as deploy/nginx.conf does."
    elif page.status_code == httpx.codes.MOVED_PERMANENTLY:
        text = f"{address} leads to itself for ever, since it seems to be asked without TLS"
        todo = "Let the proxy set X-Forwarded-Proto to https, as deploy/nginx.conf does."
    else:
        text = f"{address} answers {page.status_code}"
        todo = "See the log of the web part."
    yield Finding(PROBLEM, "web", text, todo)


def _hooks() -> Iterator[Finding]:
    from apps.integrations.hooks import registration

    if registration.is_reachable():
        yield Finding(OK, "webhooks", f"GitHub is given {registration.address()}")
    else:
        todo = "Changes are found by polling every five minutes; for webhooks, set PUBLIC_URL."
        yield Finding(NOTE, "webhooks", f"GitHub cannot reach {settings.PUBLIC_URL}", todo)


def _github() -> Iterator[Finding]:
    app = bool(settings.GITHUB_CLIENT_ID and settings.GITHUB_CLIENT_SECRET)
    if app:
        yield Finding(OK, "GitHub sign-in", f"by the OAuth app {settings.GITHUB_CLIENT_ID}")
    else:
        todo = "See docs/github-oauth-app.md; a token works without an app."
        yield Finding(NOTE, "GitHub sign-in", "no OAuth app is set", todo)
    yield from _github_app()
    yield from _answer()


def _answer() -> Iterator[Finding]:
    from apps.integrations.github.errors import GitHubError

    try:
        reply = _get(settings.GITHUB_URL)
    except GitHubError as error:
        todo = "Check GITHUB_URL, the proxy, and whether this machine may reach it."
        yield Finding(PROBLEM, "GitHub", f"{settings.GITHUB_URL}: {error.message}", todo)
        return
    if elsewhere := _leads_to(reply):
        todo = f"Set GITHUB_URL to {elsewhere}: no token is sent to another address."
        yield Finding(PROBLEM, "GitHub", f"{settings.GITHUB_URL} leads to {elsewhere}", todo)
        return
    yield Finding(OK, "GitHub", f"{settings.GITHUB_URL} answers")
    yield from _githubs_clock(reply)
    yield from _release()


def _leads_to(reply: httpx.Response) -> str:
    """The other origin that a response redirects to, if any."""
    if reply.next_request is None:
        return ""
    there = reply.next_request.url
    ours = (reply.url.scheme, reply.url.host, reply.url.port)
    is_ours = (there.scheme, there.host, there.port) == ours
    return "" if is_ours else f"{there.scheme}://{there.netloc.decode()}"


def _githubs_clock(reply: httpx.Response) -> Iterator[Finding]:
    from apps.integrations.github import apps, limits

    offset = apps.clock_offset(limits.answered_at(reply.headers))
    if abs(offset) >= apps.WRONG:
        side = "behind" if offset.total_seconds() > 0 else "ahead of"
        seconds = abs(offset.total_seconds())
        text = f"this machine's is {seconds:.0f} s {side} GitHub's"
        todo = "Set it by a time server; GitHub may refuse what a GitHub App signs until then."
        yield Finding(PROBLEM, "clock", text, todo)


def _get(address: str) -> httpx.Response:
    """Asks GitHub without a token, with GitHub's trusted certificates. Raises GitHubError."""
    from apps.integrations.github.transport import Transport

    with Transport(address, settings.GITHUB_CA_FILE, timeout=10) as http:
        return http.get(address)


def _github_app() -> Iterator[Finding]:
    from django.db import DatabaseError

    from apps.encryption import EncryptionKeyError
    from apps.integrations.access import github_app
    from apps.integrations.github import apps
    from apps.integrations.github.errors import GitHubError

    try:
        app = github_app.current()
        if app is None:
            return
        with github_app.conversation(app) as github:
            name = apps.about(github).slug
    except DatabaseError:
        return  # reported already
    except EncryptionKeyError as error:
        yield Finding(PROBLEM, "GitHub App", str(error))
    except GitHubError as error:
        yield Finding(PROBLEM, "GitHub App", error.message, error.advice)
    else:
        yield Finding(OK, "GitHub App", f"{name}, GitHub accepts its key")
        if not app.proves_users:
            todo = "Set GITHUB_APP_CLIENT_SECRET; until then only staff can connect by the App."
            yield Finding(NOTE, "GitHub App", "cannot tell who installs it", todo)


def _release() -> Iterator[Finding]:
    """The version of an Enterprise Server."""
    from apps.integrations.github.client import Addresses
    from apps.integrations.github.errors import GitHubError

    if settings.GITHUB_URL == "https://github.com":
        return
    try:
        meta = _get(f"{Addresses.of(settings.GITHUB_URL).rest}/meta").json()
        release = str(meta["installed_version"])
        number = tuple(int(part) for part in release.split(".")[:2])
    except (GitHubError, ValueError, KeyError, TypeError):
        return  # A private server tells it only to signed-in users.
    if number < OLDEST_SERVER:
        oldest = ".".join(str(part) for part in OLDEST_SERVER)
        todo = f"Update it: tformance is made for {oldest} and newer."
        yield Finding(NOTE, "GitHub", f"is Enterprise Server {release}", todo)
    else:
        yield Finding(OK, "GitHub", f"is Enterprise Server {release}")


def _tokens() -> Iterator[Finding]:
    if value := settings.GITHUB_TOKEN:
        yield _token("GITHUB_TOKEN", lambda: value)
    yield from _stored_tokens()


def _stored_tokens() -> Iterator[Finding]:
    from django.db import DatabaseError

    from apps.integrations.models import IntegrationCredential

    kinds = IntegrationCredential.Kind
    # A credential whose organisations are all disconnected has no token any more.
    live = IntegrationCredential.objects.filter(integrations__disconnected_at=None)
    rows = IntegrationCredential.objects.filter(
        pk__in=live.values("pk"), kind__in=[kinds.OAUTH, kinds.TOKEN]
    )
    try:
        found = list(rows.defer("access_token", "refresh_token").select_related("team"))
    except DatabaseError:
        return
    for row in found:
        yield _token(
            f"token of {row.account_login} in team {row.team}",
            partial(getattr, row, "access_token"),
        )


def _granted(github: Any) -> Sequence[str] | None:
    from apps.integrations.github.errors import NotFoundError

    try:
        granted: Sequence[str] | None = github.get("/rate_limit").scopes
    except NotFoundError:
        return None  # A server with rate limits disabled answers this for a valid token.
    return granted


def _token(subject: str, read: Callable[[], str]) -> Finding:
    from apps.encryption import EncryptionKeyError
    from apps.integrations.access.door import with_token
    from apps.integrations.github import scopes
    from apps.integrations.github.errors import GitHubError

    try:
        with with_token(read()) as github:
            granted = _granted(github)
    except EncryptionKeyError as error:
        return Finding(PROBLEM, subject, str(error))
    except GitHubError as error:
        # The doctor does not retry.
        todo = "Check GITHUB_URL and the network." if error.retryable else error.advice
        return Finding(PROBLEM, subject, error.message, todo)
    if granted is None:
        return Finding(OK, subject, "GitHub accepts it")
    missing = scopes.missing(granted)
    if missing:
        todo = "Connect GitHub again and grant all that is asked for."
        return Finding(NOTE, subject, f"lacks the scopes {', '.join(missing)}", todo)
    return Finding(OK, subject, f"GitHub accepts it; scopes {', '.join(granted)}")
