from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('metrics', '0025_deployments_to_count'),
    ]

    operations = [
        migrations.RenameField(model_name='pullrequest', old_name='untold', new_name='missing_fields'),
        migrations.AlterField(
            model_name='pullrequest',
            name='missing_fields',
            field=models.JSONField(default=dict, help_text='What GitHub did not return, and whether a former value is kept for it.'),
        ),
        migrations.RenameField(model_name='deployment', old_name='told_at', new_name='listed_at'),
    ]
