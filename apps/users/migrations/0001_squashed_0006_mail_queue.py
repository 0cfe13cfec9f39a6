import apps.users.models
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.text
import django.db.models.lookups
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from apps.create_models import CreateModels


class Migration(migrations.Migration):

    replaces = [
        ('users', '0001_initial'),
        ('users', '0002_session'),
        ('users', '0003_attempts'),
        ('users', '0004_bounds'),
        ('users', '0005_sign_up_as_before'),
        ('users', '0006_mail_queue'),
    ]

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        CreateModels(
            models=[
                migrations.CreateModel(
                    name='User',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('password', models.CharField(max_length=128, verbose_name='password')),
                        ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                        ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                        ('first_name', models.CharField(blank=True, max_length=150, verbose_name='first name')),
                        ('last_name', models.CharField(blank=True, max_length=150, verbose_name='last name')),
                        ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                        ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                        ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                        ('email', models.EmailField(max_length=254, unique=True, verbose_name='e-mail address')),
                        ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                        ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(django.db.models.functions.text.Lower('email'), name='user_email_any_case'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('email'), 254), name='user_email_bounded', violation_error_message='This is too long: 254 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('first_name'), 150), name='user_first_name_bounded', violation_error_message='This is too long: 150 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('last_name'), 150), name='user_last_name_bounded', violation_error_message='This is too long: 150 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('password'), 128), name='user_password_bounded', violation_error_message='This is too long: 128 letters are the most.')],
                    },
                    managers=[
                        ('objects', apps.users.models.EmailUserManager()),
                    ],
                ),
                migrations.CreateModel(
                    name='Session',
                    fields=[
                        ('session_data', models.TextField(verbose_name='session data')),
                        ('expire_date', models.DateTimeField(db_index=True, verbose_name='expire date')),
                        ('session_key', models.CharField(max_length=64, primary_key=True, serialize=False)),
                        ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('session_data'), 64000), name='session_session_data_bounded', violation_error_message='This is too long: 64,000 letters are the most.')],
                    },
                ),
                migrations.CreateModel(
                    name='Attempts',
                    fields=[
                        ('name', models.CharField(max_length=64, primary_key=True, serialize=False)),
                        ('value', models.JSONField()),
                        ('until', models.DateTimeField(db_index=True)),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length(django.db.models.functions.comparison.Cast('value', models.TextField())), 20000), name='attempts_value_bounded', violation_error_message='This is too long: 20,000 letters are the most.')],
                    },
                ),
                migrations.CreateModel(
                    name='Installation',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('sign_up', models.CharField(blank=True, help_text='What SIGN_UP is taken for where it is not set: open, where it always was.', max_length=10)),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('sign_up'), 10), name='installation_sign_up_bounded', violation_error_message='This is too long: 10 letters are the most.')],
                    },
                ),
                migrations.CreateModel(
                    name='QueuedMail',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('recipient', models.CharField(max_length=254)),
                        ('message', models.TextField(blank=True, help_text='Emptied where it is given up.')),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('due_at', models.DateTimeField(db_index=True)),
                        ('held_until', models.DateTimeField(blank=True, help_text='A worker is sending it.', null=True)),
                        ('failures', models.PositiveIntegerField(default=0)),
                        ('error', models.CharField(blank=True, max_length=500)),
                        ('given_up_at', models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        'verbose_name': 'message on its way',
                        'verbose_name_plural': 'messages on their way',
                        'constraints': [models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('recipient'), 254), name='queuedmail_recipient_bounded', violation_error_message='This is too long: 254 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('message'), 1000000), name='queuedmail_message_bounded', violation_error_message='This is too long: 1,000,000 letters are the most.'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('error'), 500), name='queuedmail_error_bounded', violation_error_message='This is too long: 500 letters are the most.')],
                    },
                ),
            ],
        ),
    ]
