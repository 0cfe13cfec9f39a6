"""The Django project. Celery's app is loaded with it, so that every process sends to our broker."""

from tformance.celery import app as celery_app

__all__ = ["celery_app"]
