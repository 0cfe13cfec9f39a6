"""Settings: each invalid value is one clear line and exit code 2, each is in the docs."""

from __future__ import annotations

import re
import subprocess
import sys
from base64 import b64encode, encodebytes
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from apps.integrations.github.apps import AppIdentity
from tests.program import ROOT, clean_environment, manage, tformance
from tformance import environment

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


def pem_of(key: Any, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    """A private key as a file would hold it."""
    return str(key.private_bytes(Encoding.PEM, form, NoEncryption()).decode())


PEM = ("-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----")
BAD = [
    ("PUBLIC_URL", "tformance.example.com", "is no address"),
    ("PUBLIC_URL", "ftp://example.com", "is no address"),
    ("PUBLIC_URL", "https://", "is no address"),
    ("PUBLIC_URL", "http://[::1", "is no address"),
    ("PUBLIC_URL", "http://example.com:99999", "is no address"),
    ("PUBLIC_URL", "http://example.com:http", "is no address"),
    ("PUBLIC_URL", "http://a b.example.com", "is no address"),
    ("PUBLIC_URL", "https://example.com/tformance", "has a path"),
    ("PUBLIC_URL", '"https://example.com/tformance"', "has a path"),
    ("GITHUB_URL", "github.com", "is no address"),
    ("GITHUB_URL", "https://user:secret@github.com", "holds a user or a password"),
    ("GITHUB_URL", "https://github.example.com/api/v3", "has a path"),
    ("DATABASE_URL", "mysql://root@localhost/x", "must begin with postgres://"),
    ("DATABASE_URL", "tformance", "must begin with postgres://"),
    ("DATABASE_URL", "postgres://user@host:port/name", "is no address"),
    ("DATABASE_URL", "postgres://user@host/", "names no database"),
    ("DATABASE_URL", "sqlite:////no/such/folder/x.sqlite3", "there is no folder"),
    ("REDIS_URL", "localhost:6379", "must begin with redis://"),
    ("REDIS_URL", "redis://localhost:many/0", "is no address"),
    ("REDIS_URL", "redis://:12#34@localhost/0", "write # as %23"),
    ("DEBUG", "maybe", "neither yes nor no"),
    ("LOG_LEVEL", "loud", "is not one of DEBUG"),
    ("LOG_FORMAT", "xml", "is not one of JSON, LINE"),
    ("SIGN_UP", "closed", "is not one of open, invited"),
    ("SIGN_UP", "domains", "is not one of open, invited"),
    ("SIGN_UP", "domains:a.example,", "is no domain"),
    ("SIGN_UP", "domains:a b", "is no domain"),
    ("OIDC_ISSUER", "http://login.example.com", "must be an https address"),
    ("OIDC_ISSUER", "https://login.example.com", "OIDC_CLIENT_ID: is missing"),
    ("OIDC_GROUP", "engineers", "OIDC_ISSUER: is missing"),
    ("EMAIL_URL", "mail.example.com", "must begin with smtp://"),
    ("EMAIL_URL", "smtp://mail.example.com:mail", "is no address"),
    ("EMAIL_FROM", "tformance", "is no e-mail address"),
    ("TOKEN_ENCRYPTION_KEYS", "short", "32 bytes"),
    ("TOKEN_ENCRYPTION_KEYS", f"{KEY},{KEY[:-2]}", "32 bytes"),
    ("SECRET_KEY_FILE", "/no/such/file", "cannot read /no/such/file"),
    ("GITHUB_TOKEN_FILE", "/no/such/file", "cannot read /no/such/file"),
    ("GITHUB_CLIENT_ID", "Iv1.abc", "is missing"),
    ("GITHUB_APP_ID", "my-app", "is no number"),
    ("API_RATE_LIMIT", "10/m", "is no number"),
    ("PUBLIC_URL", "http://my_host:8000", "no browser could ask for"),
    ("PUBLIC_URL", "http://[fd00::/8]", "no address"),
    ("PUBLIC_URL", f"http://{'a' * 64}.example", "no name of a host"),
    ("FIGURES_MEMORY", "1 GB", "is no number"),
    ("METRICS_ADDRESS", "10.0.0.7", "is no address to listen on"),
    ("METRICS_ADDRESS", "10.0.0.7:9091", "METRICS_TOKEN: is missing"),
    ("GITHUB_APP_PRIVATE_KEY", "secret", "cannot be read"),
    ("GITHUB_APP_PRIVATE_KEY", pem_of(ec.generate_private_key(ec.SECP256R1())), "is no RSA key"),
    ("GITHUB_APP_PRIVATE_KEY", f"{PEM[0]}\nMIIE\n{PEM[1]}", "cannot be read"),
    ("GITHUB_APP_WEBHOOK_SECRET", "secret", "GITHUB_APP_ID: is missing"),
    ("GITHUB_APP_CLIENT_SECRET", "secret", "GITHUB_APP_ID: is missing"),
    ("GITHUB_CA_FILE", "/none.pem", "cannot read certificates from /none.pem"),
    ("GITHUB_CA_FILE", __file__, "cannot read certificates"),
    ("DATA_DIR", "/dev/null/x", "cannot make"),
]


def test_it_works(tmp_path: Path) -> None:
    assert manage("check", DATA_DIR=str(tmp_path)).returncode == 0


@pytest.mark.parametrize(("name", "value", "reason"), BAD)
def test_a_bad_value_is_one_line(name: str, value: str, reason: str, tmp_path: Path) -> None:
    # Of the commands that end, the one that starts quickest.
    result = tformance("rotate-keys", **{"DATA_DIR": str(tmp_path), name: value})
    assert result.returncode == 2
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("tformance: ")
    assert reason in line


def test_parts_refuse_a_bad_value_at_once(tmp_path: Path) -> None:
    for name, value in (("PUBLIC_URL", "x"), ("BIND", "nonsense"), ("BIND", "127.0.0.1:99999")):
        result = tformance("web", **{"DATA_DIR": str(tmp_path), name: value})
        assert result.returncode == 2
        assert f"“{value}” is no address" in result.stderr.splitlines()[-1]


def test_a_misspelt_setting_is_told(tmp_path: Path) -> None:
    """By name alone: its value may be a secret."""
    settings = {"DATA_DIR": str(tmp_path), "GITHUB_CLIENTID": "opensesame", "GITHUB_RUN_ID": "1"}
    told = tformance("doctor", GITHUB_URL="http://127.0.0.1:1", **settings).stdout
    assert "GITHUB_CLIENTID: is no setting\n        Did you mean GITHUB_CLIENT_ID?" in told
    assert told.count("is no setting") == 1
    assert "opensesame" not in told


def test_a_refused_secret_is_not_shown(tmp_path: Path) -> None:
    for name, value in (
        ("DATABASE_URL", "mysql://root:opensesame@localhost/x"),
        ("DATABASE_URL", "postgres://root:opensesame@localhost:x/x"),
        ("REDIS_URL", "http://:opensesame@localhost"),
        ("EMAIL_URL", "smtp://me:opensesame@localhost:x"),
        ("TOKEN_ENCRYPTION_KEYS", "opensesame"),
        ("GITHUB_APP_PRIVATE_KEY", "opensesame"),
        ("GITHUB_URL", "https://me:opensesame@github.com"),
    ):
        result = tformance("doctor", **{"DATA_DIR": str(tmp_path), name: value})
        assert result.returncode == 2
        assert "opensesame" not in result.stderr


def test_a_secret_can_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("short\n")
    settings = {"DATA_DIR": str(tmp_path), "TOKEN_ENCRYPTION_KEYS_FILE": str(tmp_path / "keys")}
    assert "32 bytes" in tformance("doctor", **settings).stderr
    (tmp_path / "keys").write_text(f"{KEY}\n")
    assert manage("check", **settings).returncode == 0


def test_a_private_key_in_any_form_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    key = rsa.generate_private_key(65537, 2048)
    pem = pem_of(key, PrivateFormat.TraditionalOpenSSL)
    for value in (
        *(pem, pem_of(key), pem.replace("\n", "\r\n"), f'"{pem}"', f"From GitHub\n{pem}"),
        *(on_a_line := [pem.replace("\n", end) for end in ("\\n", "\\r\\n")]),
        f"'{on_a_line[0]}'",
        *(b64encode(pem.encode()).decode(), encodebytes(pem.encode()).decode()),
    ):
        monkeypatch.setenv("GITHUB_APP_PRIVATE_KEY", value)
        read = environment.private_key("GITHUB_APP_PRIVATE_KEY")
        signed = AppIdentity(7, read).token()
        claims = jwt.decode(signed, key.public_key(), ["RS256"], options={"verify_iat": False})
        assert claims["iss"] == "7", value


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    manage("check", DATA_DIR=str(tmp_path))
    made = {name: tmp_path / name for name in ("secret-key", "token-encryption-keys")}
    first = {name: path.read_text() for name, path in made.items()}
    manage("check", DATA_DIR=str(tmp_path))
    assert {name: path.read_text() for name, path in made.items()} == first
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in made.values())


def test_a_secret_that_was_lost_is_not_replaced_in_silence(tmp_path: Path) -> None:
    (tmp_path / "token-encryption-keys").touch()
    result = tformance("doctor", DATA_DIR=str(tmp_path))
    assert result.returncode == 2
    assert "is empty" in result.stderr


def test_django_finds_nothing_to_say_about_a_deployment(tmp_path: Path) -> None:
    settings = {"DATA_DIR": str(tmp_path), "PUBLIC_URL": "https://tformance.example.com"}
    result = manage("check", "--deploy", "--fail-level", "WARNING", **settings)
    assert result.returncode == 0, result.stderr


def test_the_docs_list_every_setting_and_no_other() -> None:
    documented = re.findall(
        r"^\| `([A-Z_]+)`", (ROOT / "docs/settings.md").read_text(), re.MULTILINE
    )
    assert sorted(documented) == sorted(set(documented))
    assert set(documented) == read_by_the_program()


def read_by_the_program() -> set[str]:
    """Every environment variable that the program's code reads."""
    readers = (
        "authorities|issuer|sign_up|text|flag|choice|number|private_key|url|service_url|email_url"
        "|listening|sender"
    )
    call = re.compile(rf"\b(?:(?:{readers})\(\s*|envvar=)\"([A-Z_]+)\"")
    code = [*ROOT.glob("tformance/**/*.py"), *ROOT.glob("apps/**/*.py")]
    return {name for path in code for name in call.findall(path.read_text())}


WORKS = [
    ("PUBLIC_URL", "http://[::1]:8000", "http://[::1]:8000"),
    ("PUBLIC_URL", ' "http://[::1]:8000"\r', "http://[::1]:8000"),
    ("PUBLIC_URL", "http://[FD00:0::7]:80", "http://[fd00::7]"),
    ("PUBLIC_URL", "https://bücher.example", "https://xn--bcher-kva.example"),
    ("PUBLIC_URL", "HTTPS://Tformance.Example.com.:443/", "https://tformance.example.com"),
]
ASK = """
import django
django.setup()
from django.conf import settings
from django.test import Client
from urllib.parse import urlsplit
address = urlsplit(settings.PUBLIC_URL)
client = Client(HTTP_HOST=address.netloc, HTTP_X_FORWARDED_PROTO=address.scheme)
print(settings.PUBLIC_URL, client.get("/health/live").status_code)
"""


@pytest.mark.parametrize(("name", "value", "meant"), WORKS)
def test_an_address_that_is_accepted_works(
    name: str, value: str, meant: str, tmp_path: Path
) -> None:
    assert _printed(ASK, tmp_path, **{name: value}) == f"{meant} 200"


def _printed(code: str, folder: Path, **settings: str) -> str:
    environment = clean_environment(
        DATA_DIR=str(folder), DJANGO_SETTINGS_MODULE="tformance.settings", **settings
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


DATABASE = """
import django
django.setup()
from django.conf import settings
from django.db import connection
found = settings.DATABASES["default"]
if connection.vendor == "sqlite":
    connection.ensure_connection()
print(found["NAME"], found.get("HOST", ""), found.get("PORT", ""))
"""


def test_a_database_is_where_its_address_says(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    for written in ("a b", "a%20b"):
        path = f"sqlite:///{tmp_path}/{written}/x.sqlite3"
        assert _printed(DATABASE, tmp_path, DATABASE_URL=path) == f"{tmp_path}/a b/x.sqlite3"
    for url, meant in {
        "postgres://me@%2Fvar%2FRun%2Fpg/name": "name /var/Run/pg",
        "postgres://me:p%40ss@%2Frun:5433/name": "name /run 5433",
        "postgres://me@db.example.com:5433/name": "name db.example.com 5433",
    }.items():
        assert _printed(DATABASE, tmp_path, DATABASE_URL=url) == meant


def test_a_secret_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\xef\xbb\xbfghp_x\r\n")
    code = "import django; django.setup(); from django.conf import settings as s"
    printed = _printed(
        f"{code}; print(s.GITHUB_TOKEN)", tmp_path, GITHUB_TOKEN_FILE=f"{tmp_path}/token"
    )
    assert printed == "ghp_x"


def test_stored_files_are_private(tmp_path: Path) -> None:
    """In a folder that others may read, with existing files that others may read."""
    folder = tmp_path / "open"
    (folder / "log").mkdir(parents=True)
    folder.chmod(0o755)
    old = [folder / "tformance.sqlite3", folder / "log" / "web.log"]
    for each in old:
        each.touch(0o644)
    assert manage("migrate", "-v0", DATA_DIR=str(folder)).returncode == 0
    files = [each for each in folder.rglob("*") if each.is_file()]
    assert len(files) > 3
    assert [each for each in files if each.stat().st_mode & 0o077] == []
