"""The database refuses to change what the audit log says, but for emptying it of names."""

from django.db import migrations

SQLITE = """
CREATE TRIGGER audit_append_only
BEFORE UPDATE OF at, action, actor_email, ip_address, object_name, details ON audit_auditevent
WHEN NOT (
    NEW.at = OLD.at AND NEW.action = OLD.action AND NEW.actor_email = '' AND NEW.object_name = ''
    AND NEW.ip_address IS NULL AND NEW.details = '{}'
)
BEGIN SELECT RAISE(ABORT, 'The audit log is append-only.'); END
"""
POSTGRESQL = (
    """
CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.at > now() - interval '30 days' THEN
            RAISE EXCEPTION 'The audit log is append-only.';
        END IF;
        RETURN OLD;
    END IF;
    IF NEW.at <> OLD.at OR NEW.action <> OLD.action
    OR NOT (
        (NEW.actor_email, NEW.object_name, NEW.details) = (OLD.actor_email, OLD.object_name, OLD.details)
        AND NEW.ip_address IS NOT DISTINCT FROM OLD.ip_address
        OR (NEW.actor_email, NEW.object_name, NEW.details) = ('', '', '{}'::jsonb)
        AND NEW.ip_address IS NULL
    ) THEN
        RAISE EXCEPTION 'The audit log is append-only.';
    END IF;
    RETURN NEW;
END $$
""",
    """
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_auditevent
FOR EACH ROW EXECUTE FUNCTION audit_append_only()
""",
)


def add(apps, schema_editor):
    statements = POSTGRESQL if schema_editor.connection.vendor == "postgresql" else (SQLITE,)
    for statement in statements:
        schema_editor.execute(statement)


def remove(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP TRIGGER audit_append_only ON audit_auditevent")
        schema_editor.execute("DROP FUNCTION audit_append_only()")
    else:
        schema_editor.execute("DROP TRIGGER audit_append_only")


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0002_initial'),
    ]

    operations = [
        migrations.RunPython(add, remove),
    ]
