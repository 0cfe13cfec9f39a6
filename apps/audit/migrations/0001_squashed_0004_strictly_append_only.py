import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.text
import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models

from apps.create_models import CreateModels


class Migration(migrations.Migration):

    replaces = [
        ('audit', '0001_initial'),
        ('audit', '0002_initial'),
        ('audit', '0003_append_only'),
        ('audit', '0004_strictly_append_only'),
    ]

    initial = True

    dependencies = [
        ('teams', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        CreateModels(
            models=[
                migrations.CreateModel(
                    name='AuditEvent',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('at', models.DateTimeField(auto_now_add=True)),
                        ('team', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='teams.team')),
                        ('actor', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('actor_email', models.EmailField(blank=True, max_length=254)),
                        ('ip_address', models.GenericIPAddressField(null=True)),
                        ('action', models.CharField(max_length=60)),
                        ('object_name', models.CharField(blank=True, max_length=255)),
                        ('details', models.JSONField(default=dict)),
                    ],
                    options={
                        'ordering': ['-at', '-id'],
                        'indexes': [models.Index(fields=['team', '-at'], name='audit_audit_team_id_68cdba_idx')],
                        'constraints': [models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('actor_email'), 254), name='auditevent_actor_email_bounded', violation_error_message='This is too long: 254 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('action'), 60), name='auditevent_action_bounded', violation_error_message='This is too long: 60 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('object_name'), 255), name='auditevent_object_name_bounded', violation_error_message='This is too long: 255 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length(django.db.models.functions.comparison.Cast('details', models.TextField())), 200000), name='auditevent_details_bounded', violation_error_message='This is too long: 200,000 letters are the most.')],
                    },
                ),
            ],
        ),
    ]
