"""Of payloads that were kept as they came, what handling needs stays, encrypted."""

from django.db import migrations

import apps.integrations.encryption
from apps.encryption import encrypt
from apps.integrations.hooks import essence


def keep_the_essence(apps, schema_editor):
    rows = apps.get_model("integrations", "WebhookDelivery").objects.all()
    rows.filter(state__in=["handled", "ignored"]).update(payload="")
    for row in rows.exclude(payload="").only("event", "payload").iterator(100):
        kept = encrypt(essence.reduce_payload(row.event, row.payload))
        rows.filter(pk=row.pk).update(payload=kept)


class Migration(migrations.Migration):

    dependencies = [
        ("integrations", "0009_leases"),
    ]

    operations = [
        migrations.RunPython(keep_the_essence, migrations.RunPython.noop, elidable=True),
        migrations.AlterField(
            model_name="webhookdelivery",
            name="payload",
            field=apps.integrations.encryption.EncryptedTextField(
                blank=True, help_text="What handling needs of the verified JSON, until it is done."
            ),
        ),
    ]
