"""Celery moves messages that only say "look": what is to be done stands in the database."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tformance.settings")

app = Celery("tformance")
app.config_from_object("tformance.celery_settings")
app.autodiscover_tasks(["apps.integrations"])
