"""The database refuses to change what the audit log says, but for emptying it of names."""

from django.db import migrations

from apps.audit.migrations._append_only import add, remove


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0002_initial'),
    ]

    operations = [
        migrations.RunPython(add, remove),
    ]
