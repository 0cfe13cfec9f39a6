"""Settings: each bad value is one clear line and exit code 2, each is in the docs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.program import ROOT, manage, tformance

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

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
    ("DEBUG", "maybe", "neither yes nor no"),
    ("LOG_LEVEL", "loud", "is none of DEBUG"),
    ("EMAIL_URL", "mail.example.com", "must begin with smtp://"),
    ("EMAIL_URL", "smtp://mail.example.com:mail", "is no address"),
    ("TOKEN_ENCRYPTION_KEYS", "short", "32 bytes"),
    ("TOKEN_ENCRYPTION_KEYS", f"{KEY},{KEY[:-2]}", "32 bytes"),
    ("SECRET_KEY_FILE", "/no/such/file", "cannot read /no/such/file"),
    ("GITHUB_TOKEN_FILE", "/no/such/file", "cannot read /no/such/file"),
    ("GITHUB_CLIENT_ID", "Iv1.abc", "is missing"),
    ("GITHUB_APP_ID", "my-app", "is no number"),
    ("API_RATE_LIMIT", "10/m", "is no number"),
    ("GITHUB_APP_PRIVATE_KEY", "secret", "is no private key"),
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
    result = tformance("doctor", **{"DATA_DIR": str(tmp_path), name: value})
    assert result.returncode == 2
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("tformance: ")
    assert reason in line


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
    """Every name that the program's code asks the environment for."""
    readers = "authorities|text|flag|choice|number|private_key|url|service_url|email_url"
    call = re.compile(rf"\b(?:environment\.)?(?:{readers})\(\s*\"([A-Z_]+)\"")
    code = [*ROOT.glob("tformance/**/*.py"), *ROOT.glob("apps/**/*.py")]
    return {name for path in code for name in call.findall(path.read_text())}
