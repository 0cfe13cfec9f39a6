"""The web application, for any WSGI server."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tformance.settings")

application = get_wsgi_application()

# What a process holds from here on for good need not be looked through again and again for what
# can go: with thousands of rows in a page, that took a quarter of its time.
gc.freeze()
