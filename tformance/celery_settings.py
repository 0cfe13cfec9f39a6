"""Celery's settings: Redis if set, else a folder of messages on this machine."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings

if settings.REDIS_URL:
    broker_url = settings.REDIS_URL
    broker_transport = "tformance.redis_broker:Transport"
    broker_use_ssl = settings.REDIS_TLS or None
    broker_transport_options: dict[str, object] = {
        "visibility_timeout": 600,  # seconds, as below
        # A page that sends a message must not wait for a Redis that hangs.
        "socket_connect_timeout": 5,
        "socket_timeout": 5,
    }
else:
    broker_url = "folder://localhost"
    broker_transport = "tformance.folder_broker:Transport"
    broker_transport_options = {
        "folder": str(settings.DATA_DIR / "broker"),
        "polling_interval": 0.2,  # seconds
    }
    worker_enable_remote_control = False  # a message in a folder reaches one worker, not all

accept_content = ["json"]  # nothing from the broker is unpickled
task_ignore_result = True
task_acks_late = True
task_reject_on_worker_lost = True
worker_prefetch_multiplier = 1
worker_hijack_root_logger = False
broker_connection_retry_on_startup = True
# While Redis refuses to write (its memory or disk is full, it is a replica), a worker tries again.
broker_channel_error_retry = True
task_time_limit = 300
timezone = "UTC"

# In memory: the default scheduler stores its last runs in a pickle file.
beat_scheduler = "celery.beat:Scheduler"
beat_schedule = {
    "compare-with-github": {
        "task": "apps.integrations.tasks.compare_with_github",
        "schedule": timedelta(minutes=15),
        "options": {"expires": 900},
    },
    "send-digests": {
        "task": "apps.metrics.tasks.send_digests",
        "schedule": timedelta(minutes=5),
        "options": {"expires": 300},
    },
    "look-for-due-work": {
        "task": "apps.integrations.tasks.look_for_due_work",
        "schedule": timedelta(seconds=10),
        # A message that nobody took is superseded by the next. It expires by the sender's clock:
        # with a shorter expiry, a worker whose clock is ahead would drop them all.
        "options": {"expires": 600},
    },
}
