"""Sessions are kept under a hash of their cookie and encrypted; those under way go on."""

import datetime
import hashlib
import json

import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
from django.conf import settings
from django.core import signing
from django.db import migrations, models

from apps.encryption import encrypt

FORMER, PLACES = "django_session", "usersessions_usersession"


def take_over(apps, schema_editor):
    tables = schema_editor.connection.introspection.table_names()
    session = apps.get_model("users", "Session")
    users = set(apps.get_model("users", "User").objects.values_list("pk", flat=True))
    with schema_editor.connection.cursor() as cursor:
        places = _places(cursor) if PLACES in tables else {}
        if FORMER in tables:
            cursor.execute(f"SELECT session_key, session_data, expire_date FROM {FORMER}")
            for key, data, expires in cursor.fetchall():
                content = _content(data)
                user = content.get("_auth_user_id")
                stored = encrypt(json.dumps(content | places.get(key, {})))
                if content and len(stored) <= 64000 and (user is None or int(user) in users):
                    session.objects.create(
                        session_key=hashlib.sha256(key.encode()).hexdigest(),
                        session_data=stored,
                        expire_date=_aware(expires),
                        user_id=user,
                    )
            cursor.execute(f"DELETE FROM {FORMER}")
    if PLACES in tables:
        schema_editor.execute(f"DROP TABLE {PLACES}")


def _places(cursor):
    cursor.execute(f"SELECT session_key, ip, user_agent, created_at FROM {PLACES}")
    return {
        key: {
            "signed_in": {"ip": str(ip), "user_agent": agent, "at": _aware(at).isoformat()}
        }
        for key, ip, agent, at in cursor.fetchall()
    }


def _content(data):
    try:
        return signing.loads(
            data,
            salt="django.contrib.sessions.SessionStore",
            serializer=signing.JSONSerializer,
        )
    except Exception:
        return {}


def _aware(at):
    if isinstance(at, str):
        at = datetime.datetime.fromisoformat(at)
    return at if at.tzinfo else at.replace(tzinfo=datetime.UTC)


class Migration(migrations.Migration):

    dependencies = [
        ('users', '0001_initial'),
    ]

    operations = [
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
        migrations.RunPython(take_over, migrations.RunPython.noop),
    ]
