"""The web application, for any WSGI server."""

import gc
import os

from django.core.wsgi import get_wsgi_application

from apps import memory
from tformance.long_headers import bounded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tformance.settings")

memory.allocate_from_one_place()

application = bounded(get_wsgi_application())

# Exempts objects that live as long as the process from garbage collection: with thousands of rows
# in a page, collecting took a quarter of its time.
gc.freeze()
