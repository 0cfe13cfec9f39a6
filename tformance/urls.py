"""Every address of the program."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("", include("apps.integrations.urls")),
    path("", include("apps.metrics.urls")),
    path("", include("apps.teams.urls")),
]
