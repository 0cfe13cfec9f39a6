"""The URLs of the program."""

from django.contrib import admin
from django.urls import include, path

from apps.integrations.hooks import endpoint
from apps.metrics.api.access import nowhere, reading_only
from apps.metrics.api.docs import api_docs
from apps.metrics.api.operations import api
from tformance import health, prometheus, unavailable

handler500 = unavailable.server_error

urlpatterns = [
    path("webhooks/github/", endpoint.receive, name="github_webhook"),
    path("admin/", admin.site.urls),
    path("", include("apps.users.urls")),
    path("api/v1/docs", api_docs, name="api_docs"),
    path("api/v1/", reading_only(api.urls)),
    path("api/v1/<path:path>", nowhere),
    path("accounts/", include("allauth.urls")),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", prometheus.metrics),
    path("", include("apps.integrations.urls")),
    path("", include("apps.metrics.urls")),
    path("", include("apps.teams.urls")),
]
