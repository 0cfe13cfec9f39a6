import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.audit.migrations._append_only import add, remove


class Migration(migrations.Migration):

    replaces = [
        ('audit', '0001_initial'),
        ('audit', '0002_initial'),
        ('audit', '0003_append_only'),
    ]

    initial = True

    dependencies = [
        ('teams', '0001_squashed_0007_retention'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('team', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='teams.team')),
                ('actor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('actor_email', models.EmailField(blank=True, max_length=254)),
                ('ip_address', models.GenericIPAddressField(null=True)),
                ('action', models.CharField(max_length=60)),
                ('object_name', models.CharField(blank=True, max_length=255)),
                ('details', models.JSONField(default=dict)),
            ],
            options={
                'ordering': ['-at', '-id'],
                'indexes': [models.Index(fields=['team', '-at'], name='audit_audit_team_id_68cdba_idx')],
            },
        ),
        migrations.RunPython(add, remove),
    ]
