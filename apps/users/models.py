"""Users, sessions, sign-in attempts and unsent mail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Lower

from apps.bounds import at_most, json_at_most

if TYPE_CHECKING:
    from apps.users.sessions import SessionStore

MOST_OF_A_SESSION = 64_000  # characters of an encrypted session
MOST_OF_A_MAIL = 1_000_000  # characters of an encrypted message
MOST_OF_AN_ERROR = 500


class EmailUserManager(UserManager["User"]):
    """Creates users that have an e-mail address instead of a user name."""

    def create_user(  # type: ignore[override]
        self, email: str, password: str | None = None, **fields: Any
    ) -> User:
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(  # type: ignore[override]
        self, email: str, password: str | None = None, **fields: Any
    ) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractUser):
    """A person with an account here; people on GitHub are `metrics.TeamMember`."""

    username = None  # type: ignore[assignment]
    email = models.EmailField("e-mail address", unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[EmailUserManager] = EmailUserManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_any_case"),
            *at_most(254, "email"),
            *at_most(150, "first_name", "last_name"),
            *at_most(128, "password"),
        ]

    def __str__(self) -> str:
        return self.get_full_name() or self.email


class Session(AbstractBaseSession):
    """A browser session: its key is a hash of the cookie, its content is encrypted."""

    session_key = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="+")

    class Meta:
        constraints = at_most(MOST_OF_A_SESSION, "session_data")

    @classmethod
    def get_session_store_class(cls) -> type[SessionStore]:
        from apps.users.sessions import SessionStore

        return SessionStore


class Attempts(models.Model):
    """Counters of `throttle`, until they expire."""

    name = models.CharField(max_length=64, primary_key=True)
    value = models.JSONField()
    until = models.DateTimeField(db_index=True)

    class Meta:
        constraints = json_at_most(20_000, "value")

    def __str__(self) -> str:
        return self.name


class Installation(models.Model):
    """Facts about the installation as a whole: one row, or none."""

    sign_up = models.CharField(
        max_length=10,
        blank=True,
        help_text="What SIGN_UP is taken for where it is not set: open, where it always was.",
    )

    class Meta:
        constraints = at_most(10, "sign_up")

    def __str__(self) -> str:
        return "This installation"


class QueuedMail(models.Model):
    """A message that no mail server has accepted yet; encrypted, since it may hold a link."""

    recipient = models.CharField(max_length=254)
    message = models.TextField(blank=True, help_text="Emptied where it is given up.")
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(db_index=True)
    held_until = models.DateTimeField(null=True, blank=True, help_text="A worker is sending it.")
    failures = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=MOST_OF_AN_ERROR, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "message on its way"
        verbose_name_plural = "messages on their way"
        constraints = [
            *at_most(254, "recipient"),
            *at_most(MOST_OF_A_MAIL, "message"),
            *at_most(MOST_OF_AN_ERROR, "error"),
        ]

    def __str__(self) -> str:
        return f"To {self.recipient}"
