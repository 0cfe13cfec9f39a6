"""A GitHub Enterprise Server: another host, a private authority, no rate limits."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.test import Client
from pytest_django import Settings

from apps.integrations.models import AvailableRepository, GitHubIntegration, Hook, RateBudget
from apps.integrations.tests import apps
from apps.integrations.tests import github as small
from apps.metrics.models import PullRequest, TeamMember
from apps.teams.models import Team
from github_simulator import acts
from github_simulator.testing import Running, running

pytestmark = pytest.mark.django_db
Work = Callable[[], None]


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    name: str, key: Any, issuer: str, issuer_key: Any, *extensions: x509.ExtensionType
) -> bytes:
    builder = x509.CertificateBuilder(
        issuer_name=_name(issuer),
        subject_name=_name(name),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=datetime.now(UTC) - timedelta(days=1),
        not_valid_after=datetime.now(UTC) + timedelta(days=1),
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    signed = builder.sign(issuer_key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A private authority, and a certificate for `localhost` that it signed."""
    folder = tmp_path_factory.mktemp("tls")
    authority, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    of_authority = (
        x509.BasicConstraints(ca=True, path_length=None),
        x509.SubjectKeyIdentifier.from_public_key(authority.public_key()),
    )
    of_server = (
        x509.SubjectAlternativeName([x509.DNSName("localhost")]),
        x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()),
    )
    made = {
        "ca": _certificate("Our CA", authority, "Our CA", authority, *of_authority),
        "certificate": _certificate("localhost", server, "Our CA", authority, *of_server),
        "key": server.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    }
    for name, content in made.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in made}


@pytest.fixture
def server(files: dict[str, Path], settings: Settings) -> Iterator[Running]:
    tls = (files["certificate"], files["key"])
    with running(small.world(), tls=tls, callback_urls=(small.CALLBACK,)) as github:
        github.simulator.limits.enabled = False
        app = next(iter(github.simulator.world.oauth_apps.values()))
        settings.GITHUB_URL = github.url
        settings.GITHUB_CLIENT_ID = app.client_id
        settings.GITHUB_CLIENT_SECRET = app.client_secret
        settings.GITHUB_CA_FILE = str(files["ca"])
        yield github


@pytest.fixture
def trusted(files: dict[str, Path]) -> ssl.SSLContext:
    """The browser's trust: it accepts certificates that Python refuses from 3.13 on."""
    context = ssl.create_default_context(cafile=str(files["ca"]))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _connect(client: Client, trusted: ssl.SSLContext) -> None:
    client.get(small.path_of(small.consent(small.begin(client), verify=trusted)))
    client.post("/a/acme/integrations/github/organization/", {"organization": "acme"})


def test_it_works(
    server: Running, trusted: ssl.SSLContext, team: Team, alice_client: Client, work: Work
) -> None:
    acts.act(server.simulator, "open", {"repository": "acme/website", "actor": "ada"})
    _connect(alice_client, trusted)
    work()
    assert AvailableRepository.objects.count() == 5
    assert TeamMember.objects.count() == 2
    alice_client.post("/a/acme/integrations/github/repos/", {"repositories": ["acme/website"]})
    work()
    assert PullRequest.objects.count() == 1
    assert Hook.objects.get().hook_id
    # No limit is reported, so none is stored, and nothing waits for one.
    assert not RateBudget.objects.filter(remaining__isnull=False).exists()
    before = len(server.simulator.deliveries.attempted)
    acts.act(server.simulator, "open", {"repository": "acme/website", "actor": "ada"})
    assert apps.deliver(server, Client(), before) == [202]
    work()
    assert PullRequest.objects.count() == 2


def test_by_the_app(
    server: Running,
    trusted: ssl.SSLContext,
    settings: Settings,
    team: Team,
    alice_client: Client,
    work: Work,
) -> None:
    made = apps.set_up(server, settings)
    acts.act(server.simulator, "install_app", {"owner": "acme", "app": made["slug"]})
    url = apps.begin(alice_client, "installed")
    alice_client.get(small.path_of(small.consent(url, scope="", verify=trusted)))
    alice_client.post("/a/acme/integrations/github/organization/", {"organization": "acme"})
    work()
    assert AvailableRepository.objects.count() == 5


def test_an_authority_that_is_not_trusted(
    server: Running,
    trusted: ssl.SSLContext,
    settings: Settings,
    team: Team,
    alice_client: Client,
) -> None:
    settings.GITHUB_CA_FILE = ""
    _connect(alice_client, trusted)
    assert "GitHub could not be reached" in small.messages_of(alice_client)
    pasted = {"token": server.token, "organization": "acme"}
    page = alice_client.post("/a/acme/integrations/github/token/", pasted).content.decode()
    assert "certificate" in page
    assert not GitHubIntegration.objects.exists()
