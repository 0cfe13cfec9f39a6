"""A pytest plugin that keeps tests away from the developer's data and settings.

It must be loaded before Django's settings are, hence by `-p` and not from a conftest.py.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

OWN = (
    *("EMAIL_", "GITHUB_", "OIDC_", "SECRET_KEY", "SIGN_UP"),
    *("TOKEN_ENCRYPTION_KEYS", "PUBLIC_URL", "REDIS_URL"),
)


def start_clean() -> None:
    """An empty data folder, and no setting from outside except DATABASE_URL."""
    for name in list(os.environ):
        if name.startswith(OWN):
            del os.environ[name]
    folder = tempfile.mkdtemp(prefix="tformance-tests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["DATA_DIR"] = folder
    # All test servers are on loopback. Reading public authorities takes 30 ms for each of thousands
    # of requests; here there are none.
    os.environ.pop("SSL_CERT_FILE", None)
    os.environ["SSL_CERT_DIR"] = folder
    os.environ["SIGN_UP"] = "open"  # apps/users/tests/test_sign_up.py is about the others
    os.environ["DEBUG"] = "1"  # pytest-django turns it off again; static files need no collecting


start_clean()
