"""How gunicorn serves the web part: `gunicorn --config python:tformance.gunicorn`."""

from __future__ import annotations

wsgi_app = "tformance.wsgi"
workers = 1
threads = 8  # pages wait for the database, so threads are enough for one machine
timeout = 60
graceful_timeout = 5
control_socket_disable = True
