"""tformance's URLs, and a view that only inserts one row."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from apps.integrations.models import WebhookDelivery
from tformance.urls import urlpatterns as ours


@csrf_exempt
def bare(request: HttpRequest) -> HttpResponse:
    """The cost of an endpoint that neither verifies nor looks anything up."""
    WebhookDelivery.objects.create(
        hook_id=1,
        guid=request.headers["X-GitHub-Delivery"],
        event="push",
        payload=request.body.decode(),
        received_at=timezone.now(),
    )
    return HttpResponse(status=202)


urlpatterns = [path("bare/", bare), *ours]
