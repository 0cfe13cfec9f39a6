"""Reads the settings of docs/settings.md from the environment; a bad one ends with one line."""

from __future__ import annotations

import os
import secrets
import ssl
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches
from email.utils import parseaddr
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import SplitResult, unquote, urlsplit

import environ
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from django.http.request import split_domain_port
from platformdirs import user_data_path

from tformance import ports

BY_OPTION = ("BIND", "WEB_PROCESSES", "WORKER_PROCESSES")  # settings of commands
ALIKE = 0.88  # of two names; GITHUB_REPOSITORY_ID and the like are GitHub Actions' own
_asked: set[str] = set()

CHECKOUT = Path(__file__).resolve().parent.parent


def refuse(name: str, reason: str) -> NoReturn:
    """Exits with code 2 and one line that names the setting."""
    sys.stderr.write(f"tformance: {name}: {reason}\n")
    raise SystemExit(2)


def text(name: str, default: str = "") -> str:
    """The setting, or the content of the file that `<name>_FILE` names.

    Quotes around it are left out: systemd does so itself, while Docker keeps them.
    """
    _asked.add(name)
    path = os.environ.get(f"{name}_FILE")
    if not path:
        return _unquoted(os.environ.get(name, default).strip())
    try:
        return Path(path).read_text("utf-8-sig").strip()
    except OSError as error:
        refuse(f"{name}_FILE", f"cannot read {path}: {error.strerror}.")
    except UnicodeDecodeError:
        refuse(f"{name}_FILE", f"{path} is not text.")


def _unquoted(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1].strip() if is_quoted else value


def misspelt() -> Iterator[tuple[str, str]]:
    """Variables that are no setting, each with the setting that it was probably meant to be."""
    known = sorted({*_asked, *BY_OPTION})
    names = [*known, *(f"{name}_FILE" for name in known)]
    for name in sorted(set(os.environ) - set(names)):
        if close := get_close_matches(name.upper(), names, 1, ALIKE):
            yield name, close[0]


def flag(name: str, default: bool = False) -> bool:
    """A yes or no."""
    value = text(name).lower()
    if value in ("", "1", "true", "yes", "on", "0", "false", "no", "off"):
        return value in ("1", "true", "yes", "on") if value else default
    refuse(name, f"“{value}” is neither yes nor no; use 1 or 0.")


def choice(name: str, default: str, *others: str) -> str:
    """One of several words, in upper case."""
    value = (text(name) or default).upper()
    if value not in (default, *others):
        refuse(name, f"“{value}” is not one of {', '.join(sorted((default, *others)))}.")
    return value


def sign_up(name: str) -> tuple[str, list[str]]:
    """Who may sign up (`open`, `invited` or `domains`), and the domains; empty when not set."""
    value = text(name)
    word, colon, rest = value.partition(":")
    word = word.strip().lower()
    if word not in ("", "open", "invited", "domains") or bool(colon) != (word == "domains"):
        refuse(name, f"“{value}” is not one of open, invited, and domains:a.example,b.example.")
    domains = [each.strip().lower().removeprefix("@") for each in rest.split(",")] if colon else []
    for each in domains:
        try:
            domain = each.encode("idna").decode()
        except UnicodeError:
            domain = ""
        if not domain or not split_domain_port(domain)[0]:
            refuse(name, f"“{each}” is no domain; write it like domains:a.example,b.example.")
    return word, [each.encode("idna").decode() for each in domains]


def number(name: str) -> str:
    """A positive whole number, as text; empty when not set."""
    value = text(name)
    if value and not (value.isascii() and value.isdigit()):
        refuse(name, f"“{value}” is no number.")
    return value


def together(*names: str) -> None:
    """Requires settings that only work together."""
    given = [name for name in names if text(name)]
    for name in names:
        if given and name not in given:
            refuse(name, f"is missing; it belongs to {given[0]}.")


def belongs_to(name: str, other: str) -> None:
    """Requires another setting that this one depends on."""
    if text(name) and not text(other):
        refuse(other, f"is missing; {name} belongs to it.")


def authorities(name: str) -> str:
    """The path of a file with certificates (PEM); empty when not set."""
    path = text(name)
    if path:
        try:
            ssl.create_default_context(cafile=path)
        except OSError as error:  # includes ssl.SSLError
            refuse(name, f"cannot read certificates from {path}: {error.strerror or error}.")
    return path


def proxies(*urls: str) -> None:
    """Refuses proxy settings of the environment that these addresses could not use."""
    from apps.integrations.github.proxies import ProxyError, proxy_for

    for each in urls:
        try:
            proxy_for(each, os.environ)
        except ProxyError as error:
            refuse(error.name, error.reason)


def private_key(name: str) -> str:
    """An RSA key in PEM, also on one line: quoted, with \\n for line ends, or all in Base64."""
    value = text(name).strip("\"' ").replace("\\r", "").replace("\\n", "\n")
    if not value:
        return ""
    with suppress(ValueError):
        value = b64decode("".join(value.split()), validate=True).decode()
    try:
        key = serialization.load_pem_private_key(value.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        refuse(name, "cannot be read; give the whole .pem file that GitHub made.")
    if not isinstance(key, RSAPrivateKey):
        refuse(name, "is no RSA key; give the .pem file that GitHub made.")
    return value


def url(name: str, default: str) -> str:
    """An http or https address without path, query or trailing slash."""
    value = text(name, default) or default
    parts = _split(name, value, default)
    if "@" in value:
        refuse(name, f"holds a user or a password; write it like {default}.")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        refuse(name, f"“{value}” is no address; write it like {default}.")
    if parts.path.strip("/") or parts.query or parts.fragment:
        refuse(name, f"“{value}” has a path; write only scheme, host and port, like {default}.")
    return f"{parts.scheme}://{_place(name, parts, default)}"


def listening(name: str) -> tuple[str, int] | None:
    """Host and port to listen on; None when not set."""
    value = text(name)
    try:
        return ports.split(value) if value else None
    except ValueError as error:
        refuse(name, str(error))


def issuer(name: str) -> str:
    """The address of an OpenID Connect provider, which may have a path; empty when not set."""
    value = text(name).rstrip("/")
    if value:
        example = "https://login.example.com/realms/acme"
        parts = _split(name, value, example)
        is_here = parts.hostname in ("localhost", "127.0.0.1", "::1")
        is_secure = parts.scheme == "https" or (parts.scheme == "http" and is_here)
        if not is_secure or not parts.hostname or "@" in value or parts.query or parts.fragment:
            refuse(name, f"must be an https address, like {example}.")
    return value


def origin(url: str) -> str:
    """Scheme, host and port of an address; empty for none."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if url else ""


def _place(name: str, parts: SplitResult, example: str) -> str:
    """Host and port as browsers send them."""
    host = (parts.hostname or "").removesuffix(".")
    try:
        host = f"[{ip_address(host)}]" if ":" in host else host.encode("idna").decode().lower()
    except ValueError:  # includes UnicodeError
        refuse(name, f"“{parts.netloc}” has no name of a host; write it like {example}.")
    is_usual = parts.port in (None, {"http": 80, "https": 443}[parts.scheme])
    return host if is_usual else f"{host}:{parts.port}"


def servable(name: str, url: str) -> str:
    """The address, whose host Django must accept."""
    if not split_domain_port(urlsplit(url).netloc)[0]:
        refuse(
            name, f"“{url}” has a host that no browser could ask for; use letters, digits and -."
        )
    return url


def service_url(name: str, schemes: tuple[str, ...], example: str) -> str:
    """The address of a database or broker, with one of `schemes`; empty when not set."""
    value = text(name)
    # The value may hold a password, so it is never shown.
    if value and value.split("://", 1)[0] not in schemes:
        refuse(name, f"must begin with {schemes[0]}://, as in {example}.")
    if value and not value.startswith("sqlite:"):  # SQLite's is a path, which may contain anything
        _split(name, value, example)
    return value


def socket_folder(url: str) -> dict[str, Any]:
    """The socket folder of a database host, as libpq writes it: @%2Frun%2Fpg."""
    host, _, port = urlsplit(url).netloc.rpartition("@")[2].partition(":")
    folder = unquote(host)
    return {"HOST": folder, "PORT": port} if folder.startswith("/") else {}


def redis_tls(url: str, ca_file: str) -> dict[str, Any]:
    """TLS options of Redis for rediss:// addresses; empty otherwise."""
    parts = urlsplit(url)
    if "ssl_" in parts.query:
        refuse("REDIS_URL", "must not say how TLS is verified; REDIS_CA_FILE names an authority.")
    if parts.scheme != "rediss":
        return {}
    verified = {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
    return {**verified, "ssl_ca_certs": ca_file} if ca_file else verified


def email_url(name: str) -> dict[str, Any]:
    """Django's settings for an e-mail server; empty when not set."""
    value = text(name)
    example = "smtp+tls://user:password@host:587"
    if not value:
        return {}
    if value.split("://", 1)[0] not in environ.Env.EMAIL_SCHEMES:
        refuse(name, f"must begin with smtp://, smtp+tls:// or smtp+ssl://, as in {example}.")
    _split(name, value, example)
    return dict(environ.Env.email_url_config(value))


def sender(name: str, default: str) -> str:
    """The address that mail comes from, also as `Name <address>`."""
    value = text(name)
    user, _, host = parseaddr(value)[1].rpartition("@")
    if value and not (user and host):
        refuse(name, f"“{value}” is no e-mail address; write it like tformance@example.com.")
    return value or default


def _split(name: str, value: str, example: str) -> SplitResult:
    shown = "the value" if "@" in value else f"“{value}”"
    reason = f"{shown} is no address; write it like {example}."
    if "@" in value:
        reason += " In a password, write # as %23, / as %2F and ? as %3F."
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        refuse(name, reason)
    if port == 0 or parts.fragment or any(character.isspace() for character in value):
        refuse(name, reason)
    return parts


def data_dir() -> Path:
    """The data folder: `var/` in a checkout, else the user's data folder."""
    in_checkout = (CHECKOUT / "pyproject.toml").exists()
    default = CHECKOUT / "var" if in_checkout else user_data_path("tformance")
    path = Path(text("DATA_DIR") or default).expanduser().resolve()
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        refuse("DATA_DIR", f"cannot make {path}: {error.strerror}.")
    if not os.access(path, os.W_OK):
        refuse("DATA_DIR", f"{path} cannot be written to.")
    _keep_private(path)
    return path


def _keep_private(folder: Path) -> None:
    """Makes existing databases and logs, and all files written later, private to the user."""
    os.umask(0o077)  # SQLite's logs and folders below inherit it
    for each in (*folder.glob("*.sqlite3*"), *folder.glob("log/*")):
        with suppress(OSError):
            if each.stat().st_mode & 0o077:
                each.chmod(0o600)


def secret_key(folder: Path) -> str:
    """The setting `SECRET_KEY`, or a generated one kept in `folder` with mode 600."""
    return text("SECRET_KEY") or read_or_create(folder / "secret-key", secrets.token_urlsafe(50))


def encryption_keys(folder: Path) -> list[str]:
    """`TOKEN_ENCRYPTION_KEYS`, newest first; if not set, one is generated and kept in `folder`."""
    value = text("TOKEN_ENCRYPTION_KEYS")
    value = value or read_or_create(
        folder / "token-encryption-keys", Fernet.generate_key().decode()
    )
    keys = [key.strip() for key in value.split(",") if key.strip()]
    for key in keys:
        try:
            Fernet(key)
        except ValueError:
            refuse(
                "TOKEN_ENCRYPTION_KEYS",
                "each key must be 32 bytes in URL-safe base64; make one with "
                '`python -c "from cryptography.fernet import Fernet; '
                'print(Fernet.generate_key().decode())"`.',
            )
    return keys


def read_or_create(path: Path, fresh: str) -> str:
    """The file's content; if it does not exist, `fresh` is written to it with mode 600."""
    if not path.exists():
        _write_once(path, fresh)
    try:
        value = path.read_text().strip()
    except OSError as error:
        refuse("DATA_DIR", f"cannot read {path}: {error.strerror}.")
    if not value:
        refuse("DATA_DIR", f"{path} is empty; restore it from a backup, or delete it.")
    return value


def _write_once(path: Path, fresh: str) -> None:
    # If two processes start together, one file wins, and it appears with its content.
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(fresh)
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    except OSError as error:
        refuse("DATA_DIR", f"cannot write {path}: {error.strerror}.")
