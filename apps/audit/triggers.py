"""Database triggers that refuse any statement that changes the audit log.

They allow only what is promised: deleting entries older than the team keeps them, and emptying the
entries of a team that is being deleted. The triggers are created after each migration, because
SQLite drops them when it rebuilds a table.
"""

from __future__ import annotations

from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

REFUSAL = "The audit log is append-only."
_EMPTIED = """
    NEW.id = OLD.id AND NEW.at = OLD.at AND NEW.action = OLD.action
    AND NEW.team_id IS NULL AND NEW.actor_id IS NULL AND NEW.ip_address IS NULL
    AND NEW.actor_email = '' AND NEW.object_name = '' AND {no_details}
    AND EXISTS (SELECT 1 FROM teams_team WHERE id = OLD.team_id AND deleting_since IS NOT NULL)
"""
_DAYS = "COALESCE((SELECT audit_days FROM teams_team WHERE id = OLD.team_id), 365)"

_NO_DETAILS = "NEW.details = '{}'"
_REFUSED = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
SQLITE = {
    # Replacing a row deletes it without firing the DELETE trigger.
    "audit_no_replacement": f"""
        BEFORE INSERT ON audit_auditevent
        WHEN EXISTS (SELECT 1 FROM audit_auditevent WHERE id = NEW.id) {_REFUSED}
    """,  # noqa: S608  nothing but constants, here and below
    "audit_append_only": f"""
        BEFORE UPDATE ON audit_auditevent
        WHEN ({_EMPTIED.format(no_details=_NO_DETAILS)}) IS NOT TRUE {_REFUSED}
    """,
    "audit_no_deletion": f"""
        BEFORE DELETE ON audit_auditevent
        WHEN OLD.at >= STRFTIME('%Y-%m-%d %H:%M:%f', 'now', '-' || {_DAYS} || ' days') {_REFUSED}
    """,
}
_FUNCTION = f"""
CREATE OR REPLACE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.at < now() - {_DAYS} * interval '1 day' THEN
            RETURN OLD;
        END IF;
    ELSIF TG_OP = 'UPDATE' THEN
        IF {_EMPTIED.format(no_details=_NO_DETAILS + "::jsonb")} THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '{REFUSAL}';
END $$
"""
POSTGRESQL = {
    "audit_append_only": "BEFORE UPDATE OR DELETE ON audit_auditevent FOR EACH ROW",
    "audit_no_truncation": "BEFORE TRUNCATE ON audit_auditevent FOR EACH STATEMENT",
}


def before_migrations(*, using: str, plan: list[Any], **_: Any) -> None:
    """Drops the triggers, because SQLite cannot rebuild a table that they refer to."""
    database = connections[using]
    if database.vendor == "sqlite" and plan:
        remove(database)


def after_migrations(*, using: str, **_: Any) -> None:
    """Creates the triggers once both tables exist."""
    database = connections[using]
    if {"audit_auditevent", "teams_team"} <= set(database.introspection.table_names()):
        install(database)


def install(database: BaseDatabaseWrapper) -> None:
    """Creates all triggers, replacing former ones; at no instant does the table lack them."""
    with transaction.atomic(database.alias), database.cursor() as cursor:
        if database.vendor == "postgresql":
            cursor.execute("LOCK TABLE audit_auditevent IN ACCESS EXCLUSIVE MODE")
        remove(database)
        if database.vendor == "postgresql":
            cursor.execute(_FUNCTION)
            for name, when in POSTGRESQL.items():
                cursor.execute(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION audit_append_only()")
        else:
            for name, what in SQLITE.items():
                cursor.execute(f"CREATE TRIGGER {name} {what}")


def remove(database: BaseDatabaseWrapper) -> None:
    """Drops the triggers, for example to empty a test database."""
    is_postgresql = database.vendor == "postgresql"
    with database.cursor() as cursor:
        for name in POSTGRESQL if is_postgresql else SQLITE:
            of = " ON audit_auditevent" if is_postgresql else ""
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{of}")
