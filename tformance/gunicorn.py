"""How gunicorn runs the web part: `gunicorn --config python:tformance.gunicorn`.

Why this server: docs/decisions/0017-a-web-server-that-waits-for-no-client.md.
"""

from __future__ import annotations

from multiprocessing import Value
from typing import Any

wsgi_app = "tformance.wsgi"
worker_class = "tformance.web_worker.WebWorker"
workers = 1
threads = 8  # pages wait for the database, so threads are enough for one machine
timeout = 60
graceful_timeout = 30  # seconds to finish responses after the process was asked to stop
control_socket_disable = True

# gunicorn numbers processes by `age`. All of them share these two numbers.
_last_before_reload = Value("q", 0)
_last_to_begin = Value("q", 0)


def on_reload(server: Any) -> None:
    """Called when SIGHUP asks for new processes, before they are started."""
    _last_before_reload.value = server.worker_age


def post_worker_init(worker: Any) -> None:
    """Called in each process when it begins to serve."""
    with _last_to_begin.get_lock():
        _last_to_begin.value = max(_last_to_begin.value, worker.age)


def is_without_successor(age: int) -> bool:
    """Whether a process should end after a reload but none serves in its place yet."""
    return bool(age <= _last_before_reload.value >= _last_to_begin.value)
