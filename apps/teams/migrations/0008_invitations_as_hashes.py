"""Of an invitation's link a hash is kept; links that were sent go on working."""

import hashlib

import django.db.models.deletion
from django.db import migrations, models


def hash_keys(apps, schema_editor):
    invitation = apps.get_model("teams", "Invitation")
    for row in invitation.objects.only("key_hash").iterator():
        row.key_hash = hashlib.sha256(row.key_hash.encode()).hexdigest()
        row.save(update_fields=["key_hash"])


class Migration(migrations.Migration):

    dependencies = [
        ('teams', '0007_retention'),
    ]

    operations = [
        migrations.RenameField('invitation', 'key', 'key_hash'),
        migrations.AlterField(
            model_name='invitation',
            name='key_hash',
            field=models.CharField(max_length=64, unique=True),
        ),
        migrations.RunPython(hash_keys, migrations.RunPython.noop),
        migrations.AddField(
            model_name='membership',
            name='invitation',
            field=models.ForeignKey(blank=True, help_text='By which this person came in; it ends when they go.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='teams.invitation'),
        ),
    ]
