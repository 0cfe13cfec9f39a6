import apps.teams.models
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.text
import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models

from apps.create_models import CreateModels


class Migration(migrations.Migration):

    replaces = [
        ('teams', '0001_initial'),
        ('teams', '0002_initial'),
        ('teams', '0003_leave_out_and_private_people'),
        ('teams', '0004_team_require_second_factor'),
        ('teams', '0005_last_filter'),
        ('teams', '0006_revision'),
        ('teams', '0007_retention'),
        ('teams', '0008_invitations_as_hashes'),
        ('teams', '0009_bounds'),
        ('teams', '0010_figures_key'),
        ('teams', '0011_production'),
        ('teams', '0012_who_wrote_it'),
        ('teams', '0013_pruned_before'),
    ]

    initial = True

    dependencies = [
        ('mfa', '0003_authenticator_type_uniq'),
        ('socialaccount', '0006_alter_socialaccount_extra_data'),
        ('users', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        CreateModels(
            models=[
                migrations.CreateModel(
                    name='Team',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('name', models.CharField(max_length=100)),
                        ('slug', models.SlugField(max_length=80, unique=True)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('timezone', models.CharField(default='UTC', max_length=64)),
                        ('history_days', models.PositiveIntegerField(blank=True, help_text='How far back pull requests are fetched; empty: all.', null=True)),
                        ('keep_days', models.PositiveIntegerField(blank=True, help_text='How long pull requests are kept; empty: for good.', null=True)),
                        ('audit_days', models.PositiveIntegerField(default=365, help_text='How long entries of the audit log are kept.')),
                        ('prune_due_at', models.DateTimeField(blank=True, help_text='When what is too old is looked for; null: never.', null=True)),
                        ('pruned_before', models.DateTimeField(blank=True, help_text='What ended and changed last before this is being deleted and counts no more.', null=True)),
                        ('deleting_since', models.DateTimeField(blank=True, help_text='The team and all it has are being deleted.', null=True)),
                        ('deletion_left', models.PositiveIntegerField(default=0, help_text='Pull requests still to be deleted.')),
                        ('hotfix_labels', models.JSONField(default=apps.teams.models._default_hotfix_labels)),
                        ('hotfix_branches', models.JSONField(default=apps.teams.models._default_hotfix_branches)),
                        ('hotfix_titles', models.JSONField(default=apps.teams.models._default_hotfix_titles)),
                        ('bot_logins', models.JSONField(default=list)),
                        ('excluded_repositories', models.JSONField(default=list, help_text='Patterns of full names; their pull requests leave every figure.')),
                        ('excluded_branches', models.JSONField(default=list, help_text='Patterns of base branches; what goes into them is left out too.')),
                        ('production_environments', models.JSONField(default=list, help_text='Patterns of environments that are production besides those known by name.')),
                        ('ai_logins', models.JSONField(default=list)),
                        ('ai_trailers', models.JSONField(default=list)),
                        ('ai_branches', models.JSONField(default=list)),
                        ('ai_labels', models.JSONField(default=list)),
                        ('ai_ignored', models.JSONField(default=list, help_text='Tools whose marks do not count.')),
                        ('are_people_private', models.BooleanField(default=False, help_text='Figures on a single person are for admins and that person.')),
                        ('require_second_factor', models.BooleanField(default=False)),
                        ('recalculate_from', models.PositiveBigIntegerField(blank=True, help_text='Pull requests whose row has a higher id still follow former settings.', null=True)),
                        ('revision', models.PositiveBigIntegerField(default=0, help_text='Counts changes that figures depend on, but for pull requests.')),
                        ('figures_key', models.CharField(default=apps.teams.models.new_figures_key, help_text='Names what is kept for figures: another one makes it useless.', max_length=32)),
                        ('members', models.ManyToManyField(related_name='teams', through='teams.Membership', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('name'), 100), name='team_name_bounded', violation_error_message='This is too long: 100 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('slug'), 80), name='team_slug_bounded', violation_error_message='This is too long: 80 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('timezone'), 64), name='team_timezone_bounded', violation_error_message='This is too long: 64 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length(django.db.models.functions.comparison.Cast('hotfix_labels', models.TextField())), 125000), name='team_hotfix_labels_bounded', violation_error_message='This is too long: 125,000 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length(django.db.models.functions.comparison.Cast('hotfix_branches', models.TextField())), 125000), name='team_hotfix_branches_bounded', violation_error_message='This is too long: 125,000 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length(django.db.models.functions.comparison.Cast('hotfix_titles', models.TextField())), 125000), name='team_hotfix_titles_bounded', violation_error_message='This is too long: 125,000 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length(django.db.models.functions.comparison.Cast('bot_logins', models.TextField())), 125000), name='team_bot_logins_bounded', violation_error_message='This is too long: 125,000 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length(django.db.models.functions.comparison.Cast('excluded_repositories', models.TextField())), 125000), name='team_excluded_repositories_bounded', violation_error_message='This is too long: 125,000 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length(django.db.models.functions.comparison.Cast('excluded_branches', models.TextField())), 125000), name='team_excluded_branches_bounded', violation_error_message='This is too long: 125,000 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length(django.db.models.functions.comparison.Cast('production_environments', models.TextField())), 125000), name='team_production_environments_bounded', violation_error_message='This is too long: 125,000 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length(django.db.models.functions.comparison.Cast('ai_logins', models.TextField())), 125000), name='team_ai_logins_bounded', violation_error_message='This is too long: 125,000 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length(django.db.models.functions.comparison.Cast('ai_trailers', models.TextField())), 125000), name='team_ai_trailers_bounded', violation_error_message='This is too long: 125,000 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length(django.db.models.functions.comparison.Cast('ai_branches', models.TextField())), 125000), name='team_ai_branches_bounded', violation_error_message='This is too long: 125,000 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length(django.db.models.functions.comparison.Cast('ai_labels', models.TextField())), 125000), name='team_ai_labels_bounded', violation_error_message='This is too long: 125,000 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length(django.db.models.functions.comparison.Cast('ai_ignored', models.TextField())), 125000), name='team_ai_ignored_bounded', violation_error_message='This is too long: 125,000 letters are the most.'), models.CheckConstraint(condition=models.Q(('audit_days__range', (90, 1825))), name='team_audit_days_bounded')],
                    },
                ),
                migrations.CreateModel(
                    name='Membership',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('team', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='teams.team')),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
                        ('role', models.CharField(choices=[('admin', 'Admin'), ('member', 'Member')], default='member', max_length=10)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('last_opened_at', models.DateTimeField(blank=True, help_text='When this person last switched to the team.', null=True)),
                        ('invitation', models.ForeignKey(blank=True, help_text='By which this person came in; it ends when they go.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='teams.invitation')),
                        ('last_filter', models.TextField(blank=True, help_text="What this person's pages of figures open with, as an address has it.")),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('team', 'user'), name='one_role_a_team'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('role'), 10), name='membership_role_bounded', violation_error_message='This is too long: 10 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('last_filter'), 4000), name='membership_last_filter_bounded', violation_error_message='This is too long: 4,000 letters are the most.')],
                    },
                ),
                migrations.CreateModel(
                    name='Invitation',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('team', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='teams.team')),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('modified_at', models.DateTimeField(auto_now=True)),
                        ('key_hash', models.CharField(max_length=64, unique=True)),
                        ('email', models.EmailField(blank=True, max_length=254)),
                        ('role', models.CharField(choices=[('admin', 'Admin'), ('member', 'Member')], default='member', max_length=10)),
                        ('invited_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('expires_at', models.DateTimeField()),
                        ('accepted_at', models.DateTimeField(blank=True, null=True)),
                        ('accepted_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('revoked_at', models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        'ordering': ['-created_at', '-id'],
                        'constraints': [models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('key_hash'), 64), name='invitation_key_hash_bounded', violation_error_message='This is too long: 64 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('email'), 254), name='invitation_email_bounded', violation_error_message='This is too long: 254 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('role'), 10), name='invitation_role_bounded', violation_error_message='This is too long: 10 letters are the most.')],
                    },
                ),
                migrations.CreateModel(
                    name='ApiKey',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('team', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='teams.team')),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('modified_at', models.DateTimeField(auto_now=True)),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='api_keys', to=settings.AUTH_USER_MODEL)),
                        ('name', models.CharField(max_length=100)),
                        ('prefix', models.CharField(help_text='What it begins with, to tell keys apart.', max_length=12)),
                        ('key_hash', models.CharField(max_length=64, unique=True)),
                        ('last_used_at', models.DateTimeField(blank=True, null=True)),
                        ('revoked_at', models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        'ordering': ['-created_at'],
                        'constraints': [models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('name'), 100), name='apikey_name_bounded', violation_error_message='This is too long: 100 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('prefix'), 12), name='apikey_prefix_bounded', violation_error_message='This is too long: 12 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('key_hash'), 64), name='apikey_key_hash_bounded', violation_error_message='This is too long: 64 letters are the most.')],
                    },
                ),
            ],
        ),
    ]
