from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0018_stale_deployments'),
    ]

    operations = [
        migrations.RenameField(model_name='hook', old_name='is_secret_told', new_name='is_secret_sent'),
    ]
