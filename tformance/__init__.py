"""The Django project. Loads Celery's app, so that every process uses our broker."""

from tformance.celery import app as celery_app

__all__ = ["celery_app"]
