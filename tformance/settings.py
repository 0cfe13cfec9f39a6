"""Django's settings, all from the environment: docs/settings.md explains each."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import environ
from django.http.request import split_domain_port

from tformance import environment
from tformance.browser_policy import content_security_policy

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = environment.data_dir()

SECRET_KEY = environment.secret_key(DATA_DIR)
TOKEN_ENCRYPTION_KEYS = environment.encryption_keys(DATA_DIR)
DEBUG = environment.flag("DEBUG")

PUBLIC_URL = environment.servable(
    "PUBLIC_URL", environment.url("PUBLIC_URL", "http://localhost:8000")
)
GITHUB_URL = environment.url("GITHUB_URL", "https://github.com")
GITHUB_CLIENT_ID = environment.text("GITHUB_CLIENT_ID")
GITHUB_CLIENT_SECRET = environment.text("GITHUB_CLIENT_SECRET")
environment.together("GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET")
GITHUB_APP_ID = environment.number("GITHUB_APP_ID")
GITHUB_APP_PRIVATE_KEY = environment.private_key("GITHUB_APP_PRIVATE_KEY")
GITHUB_APP_WEBHOOK_SECRET = environment.text("GITHUB_APP_WEBHOOK_SECRET")
GITHUB_APP_CLIENT_SECRET = environment.text("GITHUB_APP_CLIENT_SECRET")
environment.together("GITHUB_APP_ID", "GITHUB_APP_PRIVATE_KEY", "GITHUB_APP_WEBHOOK_SECRET")
environment.belongs_to("GITHUB_APP_CLIENT_SECRET", "GITHUB_APP_ID")
GITHUB_CA_FILE = environment.authorities("GITHUB_CA_FILE")
environment.proxies(GITHUB_URL, PUBLIC_URL)
GITHUB_TOKEN = environment.text("GITHUB_TOKEN")
OIDC_ISSUER = environment.issuer("OIDC_ISSUER")
OIDC_CLIENT_ID = environment.text("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = environment.text("OIDC_CLIENT_SECRET")
environment.together("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")
OIDC_NAME = environment.text("OIDC_NAME", "your company")
OIDC_SCOPES = environment.text("OIDC_SCOPES", "openid email profile").split()
OIDC_GROUPS_CLAIM = environment.text("OIDC_GROUPS_CLAIM", "groups")
OIDC_GROUP = environment.text("OIDC_GROUP")
OIDC_STAFF_GROUP = environment.text("OIDC_STAFF_GROUP")
for _name in ("OIDC_GROUP", "OIDC_STAFF_GROUP"):
    environment.belongs_to(_name, "OIDC_ISSUER")
OIDC_CA_FILE = environment.authorities("OIDC_CA_FILE")
METRICS_TOKEN = environment.text("METRICS_TOKEN")
METRICS_ADDRESS = environment.listening("METRICS_ADDRESS")
environment.belongs_to("METRICS_ADDRESS", "METRICS_TOKEN")
SIGN_UP, SIGN_UP_DOMAINS = environment.sign_up("SIGN_UP")

_public = urlsplit(PUBLIC_URL)
_https = _public.scheme == "https"
_local = _public.hostname in ("localhost", "127.0.0.1", "::1")
ALLOWED_HOSTS = [split_domain_port(_public.netloc)[0]] + (
    ["localhost", "127.0.0.1", "[::1]"] if _local else []
)
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None
SECURE_SSL_REDIRECT = _https
SECURE_SSL_HOST = _public.netloc if _https else None
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
# Subdomains and preloading commit a whole domain: only its owner can promise that.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
# All ports of a host share cookies: a name of our own keeps other local programs out.
SESSION_COOKIE_NAME = "tformance_session"
CSRF_COOKIE_NAME = "tformance_csrf"
SESSION_COOKIE_HTTPONLY = True
SESSION_ENGINE = "apps.users.sessions"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = content_security_policy(
    *filter(None, (GITHUB_URL, environment.origin(OIDC_ISSUER))), https=_https
)
PROXIES = int(environment.number("PROXIES") or 0)
API_RATE_LIMIT = int(environment.number("API_RATE_LIMIT") or 600)
FIGURES_MEMORY = int(environment.number("FIGURES_MEMORY") or 1024) * 2**20
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000  # repositories ticked at once
FILE_UPLOAD_HANDLERS = ["tformance.uploads.NoFiles"]
DEFAULT_EXCEPTION_REPORTER_FILTER = "tformance.redaction.ReportFilter"

INSTALLED_APPS = [
    "apps.users",
    "apps.audit",
    "apps.teams",
    "apps.metrics",
    "apps.integrations",
    "apps.users.apps.OurAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "tformance.static_files.StaticFiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.github",
    "allauth.socialaccount.providers.openid_connect",
    "csp",
    "django_htmx",
]

MIDDLEWARE = [
    "tformance.measuring.measured",
    "tformance.client_address.client_address",
    "tformance.own_address.own_address",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "tformance.browser_policy.policies",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "tformance.compression.CompressPages",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "tformance.refused_methods.refused_methods",
]

ROOT_URLCONF = "tformance.urls"
WSGI_APPLICATION = "tformance.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "tformance" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.teams.context.navigation",
                "apps.metrics.filters.own_page.own_page",
            ],
            "builtins": ["apps.teams.templatetags.display"],
        },
    },
]

_database_url = environment.service_url(
    "DATABASE_URL", ("postgres", "postgresql", "sqlite"), "postgres://user@host/name"
)


# A machine that is gone answers nothing: without these, each thread would wait for minutes.
_PATIENCE = {
    "connect_timeout": 10,  # seconds
    "tcp_user_timeout": 30_000,  # milliseconds
    "keepalives_idle": 30,  # seconds
    "keepalives_interval": 10,
    "keepalives_count": 3,
}


def _database() -> dict[str, Any]:
    if _database_url and not _database_url.startswith("sqlite"):
        if not urlsplit(_database_url).path.strip("/"):
            environment.refuse(
                "DATABASE_URL", "names no database; write postgres://user@host/name."
            )
        return {
            **(found := environ.Env.db_url_config(_database_url)),
            **environment.socket_folder(_database_url),
            "OPTIONS": {**_PATIENCE, **found.get("OPTIONS", {})},
            "CONN_MAX_AGE": 60,
            "CONN_HEALTH_CHECKS": True,
            # They need a session, which PgBouncer in transaction mode gives to others.
            "DISABLE_SERVER_SIDE_CURSORS": True,
        }
    path = unquote(_database_url.removeprefix("sqlite://").removeprefix("/"))
    if not Path(path).parent.is_dir():
        environment.refuse("DATABASE_URL", f"there is no folder {Path(path).parent}.")
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path or str(DATA_DIR / "tformance.sqlite3"),
        "OPTIONS": {
            # A deferred transaction that starts to write fails at once while another one writes; an
            # immediate one waits for its turn.
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            # Deleted content is overwritten, so that a copy of the file does not contain it.
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON;"
            ),
        },
    }


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = environment.service_url("REDIS_URL", ("redis", "rediss"), "redis://localhost:6379/0")
REDIS_CA_FILE = environment.authorities("REDIS_CA_FILE")
REDIS_TLS = environment.redis_tls(REDIS_URL, REDIS_CA_FILE)  # for web and Celery alike
_IN_PROCESS = "django.core.cache.backends.locmem.LocMemCache"
CACHES: dict[str, dict[str, Any]] = {
    # For sign-in attempts and mail limits: separate from all else, and independent of Redis.
    "default": {"BACKEND": "apps.users.throttle.DatabaseThrottle"},
    "counts": {
        "BACKEND": "tformance.cache.Cache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {
            "serializer": "tformance.cache.Serializer",
            "socket_connect_timeout": 2,  # seconds
            "socket_timeout": 2,
            **REDIS_TLS,
        },
    }
    if REDIS_URL
    else {"BACKEND": _IN_PROCESS, "LOCATION": "counts", "OPTIONS": {"MAX_ENTRIES": 10_000}},
    # Figures are pickled objects: they stay in this process, where nobody else can write.
    "pages": {"BACKEND": _IN_PROCESS, "LOCATION": "pages"},
}

AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _public.scheme
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_ADAPTER = "apps.users.adapters.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "apps.users.forms.LoginForm",
    "signup": "apps.users.forms.SignupForm",
    "add_email": "apps.users.forms.AddEmailForm",
    "change_password": "apps.users.forms.ChangePasswordForm",
    "set_password": "apps.users.forms.SetPasswordForm",
    "reset_password": "apps.users.forms.ResetPasswordForm",
    "reset_password_from_key": "apps.users.forms.ResetPasswordKeyForm",
    "reauthenticate": "apps.users.forms.ReauthenticateForm",
}
SOCIALACCOUNT_ADAPTER = "apps.integrations.access.sign_in.SignInAdapter"
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_FORMS = {"signup": "apps.users.forms.SocialSignupForm"}
SOCIALACCOUNT_PROVIDERS: dict[str, dict[str, Any]] = {
    "github": {
        "SCOPE": ["user:email"],
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [{"client_id": GITHUB_CLIENT_ID, "secret": GITHUB_CLIENT_SECRET, "name": "GitHub"}]
        if GITHUB_CLIENT_ID
        else [],
        # allauth treats any address that it is given as Enterprise Server.
        **({"GITHUB_URL": GITHUB_URL} if GITHUB_URL != "https://github.com" else {}),
    },
    "openid_connect": {
        "SCOPE": OIDC_SCOPES,
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "sso",
                "name": OIDC_NAME,
                "client_id": OIDC_CLIENT_ID,
                "secret": OIDC_CLIENT_SECRET,
                "settings": {"server_url": OIDC_ISSUER},
            }
        ]
        if OIDC_ISSUER
        else [],
    },
}

MFA_ADAPTER = "apps.users.second_factors.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_ISSUER = f"tformance ({_public.hostname})"
MFA_FORMS = {
    "activate_totp": "apps.users.second_factors.ActivateTOTPForm",
    "authenticate": "apps.users.second_factors.AuthenticateForm",
    "reauthenticate": "apps.users.second_factors.ReauthenticateForm",
    "authenticate_webauthn": "apps.users.second_factors.AuthenticatePasskeyForm",
    "login_webauthn": "apps.users.second_factors.LoginPasskeyForm",
    "reauthenticate_webauthn": "apps.users.second_factors.ReauthenticatePasskeyForm",
    "add_webauthn": "apps.users.second_factors.AddPasskeyForm",
    "edit_webauthn": "apps.users.second_factors.RenamePasskeyForm",
}

EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
if _email := environment.email_url("EMAIL_URL"):
    globals().update(_email)
    MAIL_TRANSPORT = EMAIL_BACKEND
    EMAIL_BACKEND = "apps.users.outbox.Backend"  # queued until the server has accepted it
else:
    MAIL_TRANSPORT = EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
# Without mail no address can be confirmed. With mail, signing up looks the same whether or not the
# account exists.
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if _email else "optional"
# Only in the browser that signed up: no other may confirm.
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
MFA_ALLOW_UNVERIFIED_EMAIL = not _email
EMAIL_TIMEOUT = 10  # seconds: a hanging mail server must not block a worker
MAIL_DOMAIN = _public.hostname
DEFAULT_FROM_EMAIL = environment.sender("EMAIL_FROM", f"tformance@{_public.hostname}")

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
# A wheel contains collected static files; a checkout collects them into its data folder.
COLLECTED = BASE_DIR / "tformance" / "collected"
IS_PACKAGED = COLLECTED.is_dir()
STATIC_ROOT = COLLECTED if IS_PACKAGED else DATA_DIR / "static"
STATICFILES_DIRS: list[Any] = (
    []
    if IS_PACKAGED
    else [
        BASE_DIR / "tformance" / "static",
        ("echarts", BASE_DIR / "node_modules" / "echarts" / "dist"),
    ]
)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "tformance.static_storage.Storage"
    },
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
# In development and tests, files are served from their sources, uncollected.
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "tformance.redaction.RedactingFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        },
        "json": {"()": "tformance.log_format.JsonFormatter"},
    },
    "filters": {
        "outages": {"()": "tformance.outages.ToldOnce"},
        "refusals": {"()": "tformance.log_format.RefusalsInALine"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "filters": ["outages", "refusals"],
            "formatter": environment.choice("LOG_FORMAT", "LINE", "JSON").lower(),
        }
    },
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "apps": {"level": environment.choice("LOG_LEVEL", "INFO", "DEBUG", "WARNING", "ERROR")},
        "httpx": {"level": "WARNING"},
        # Two lines for each look for work, every ten seconds; failures are told all the same.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        # A line for each request that finds every thread at work: many where there is no time for
        # them, and what they mean is in the seconds that pages take then (TformancePagesSlow).
        "waitress.queue": {"level": "ERROR"},
    },
}
