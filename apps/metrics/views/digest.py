"""The weekly mail: members switch it on for themselves, and off here or from the mail."""

from __future__ import annotations

from django.contrib import messages
from django.core.signing import BadSignature
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from apps.audit.record import record
from apps.metrics.models import Digest
from apps.metrics.pages import digest_mail, sentences
from apps.metrics.pages.digest import weekly_digest
from apps.teams.access import TeamRequest, team_view
from apps.teams.zones import zone_of


@team_view()
@require_http_methods(["GET", "HEAD", "POST"])
def digest(request: TeamRequest) -> HttpResponse:
    """Whether it is on, when it comes, and a preview of today's; POST switches it."""
    if request.method == "POST":
        return _switch(request)
    now = timezone.now()
    sample = Digest(pk=0, membership=request.membership, team=request.team)
    mail = digest_mail.message(sample, weekly_digest(request.team, now))
    found = Digest.objects.filter(membership=request.membership).first()
    context = {
        "digest": found,
        "next_digest": sentences.next_digest(found, zone_of(request.team.timezone)),
        "next": digest_mail.next_monday(request.team, now),
        "can_receive": digest_mail.can_receive(request.user),
        "mail": mail,
        "is_admin": request.membership.is_admin,
    }
    return render(request, "metrics/digest.html", context)


def _switch(request: TeamRequest) -> HttpResponse:
    if request.POST.get("on") != "1":
        _switch_off(request, Digest.objects.filter(membership=request.membership).first())
        messages.success(request, "The weekly digest is off.")
    elif not digest_mail.can_receive(request.user):
        messages.error(request, "Confirm your e-mail address first, so that nobody else gets it.")
    else:
        digest_mail.switch_on(request.membership, timezone.now())
        record("digest.switched_on", team_id=request.team.pk, request=request)
        messages.success(request, "The weekly digest is on.")
    return redirect("digest", team=request.team.slug)


def _switch_off(request: HttpRequest, found: Digest | None) -> None:
    if found is None:
        return
    found.delete()
    owner = found.membership.user
    record("digest.switched_off", team_id=found.team_id, request=request, actor=owner)


# Mail programs switch it off with a POST of their own (RFC 8058): the link is the key.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def digest_off(request: HttpRequest, token: str) -> HttpResponse:
    """Switches it off without signing in, by the link in the mail. A GET changes nothing."""
    try:
        found = digest_mail.of_token(token)
    except BadSignature:
        raise Http404("The link is not complete.") from None
    is_on = found is not None
    if request.method == "POST":
        _switch_off(request, found)
        is_on = False
    return render(request, "metrics/digest_off.html", {"is_on": is_on, "digest": found})
