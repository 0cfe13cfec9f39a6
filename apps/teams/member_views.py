"""The team's members: roles, leaving, invitations."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.audit.record import record
from apps.teams import invitations
from apps.teams.access import TeamRequest, team_view
from apps.teams.forms import InvitationForm, RoleForm
from apps.teams.membership import LastAdminError, change_role, remove
from apps.teams.models import Invitation, Membership
from apps.users import proof
from apps.users.mail import is_within, may_send, sends_mail
from apps.users.models import User

MOST_OPEN = 100  # open invitations of a team
A_SENDER, A_TEAM = "50/d/key", "100/d/key"  # invitations by e-mail
_LINK = "invitation_made"


@team_view()
@require_safe
def members(request: TeamRequest) -> HttpResponse:
    """All members of the team; admins also see and create invitations."""
    return _members_page(request, InvitationForm(request.team))


@team_view("admin")
@require_POST
def set_role(request: TeamRequest, member: int) -> HttpResponse:
    """Gives a member another role."""
    membership = _member(request, member)
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, "There is no such role.")
        return _back(request)
    before, role = membership.role, form.cleaned_data["role"]
    try:
        with transaction.atomic():
            if change_role(membership, role):
                words = [str(Membership.Role(each).label) for each in (before, role)]
                said = {"Role": words}
                _audit(request, "member.role_changed", membership.user, role=role, said=said)
    except LastAdminError as error:
        messages.error(request, str(error))
    else:
        role_name = Membership.Role(role).label.lower()
        messages.success(request, f"{membership.user} now has the role {role_name}.")
    return _back(request)


@team_view("admin")
@require_POST
def remove_member(request: TeamRequest, member: int) -> HttpResponse:
    """Removes a member from the team."""
    membership = _member(request, member)
    try:
        with transaction.atomic():
            remove(membership)
            _audit(request, "member.removed", membership.user)
    except LastAdminError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{membership.user} is no longer in the team.")
    return _back(request)


@team_view()
@require_POST
def leave(request: TeamRequest) -> HttpResponse:
    """Lets the user leave the team."""
    try:
        with transaction.atomic():
            remove(request.membership)
            _audit(request, "member.left", request.user)
    except LastAdminError as error:
        messages.error(request, str(error))
        return _back(request)
    messages.success(request, f"You have left {request.team.name}.")
    return redirect("home")


@team_view("admin")
@require_http_methods(["GET", "HEAD", "POST"])
def invite(request: TeamRequest) -> HttpResponse:
    """Creates an invitation: a link, or one sent by e-mail."""
    if request.method != "POST":
        # Reloading the address where a refused form was shown must show a page.
        return _back(request)
    form = InvitationForm(request.team, request.POST)
    if not form.is_valid():
        return _members_page(request, form, status=422)
    email, role = form.cleaned_data["email"], form.cleaned_data["role"]
    if refusal := _refusal(request, email):
        form.add_error("email", refusal)
        return _members_page(request, form, status=422)
    with transaction.atomic():
        invitation, url = invitations.invite(request.team, request.user, role, email)
        _audit(request, "invitation.made", invitation, role=role)
    if email and sends_mail():
        messages.success(request, f"An invitation was sent to {email}.")
        return _back(request)
    request.session[_LINK] = [invitation.pk, url]  # shown once; encrypted until then
    if email:
        unsent = f"This installation sends no mail yet: pass the link on to {email} yourself."
        messages.warning(request, unsent)
    else:
        messages.success(request, "Copy the link now; it is not shown again.")
    return _back(request)


def _refusal(request: TeamRequest, email: str) -> str:
    """Why nobody can be invited now; empty if inviting is possible."""
    if not proof.may_add(request.user):
        return proof.FIRST
    made = Invitation.objects.for_team(request.team)
    if made.filter(revoked_at=None, expires_at__gt=timezone.now()).count() >= MOST_OPEN:
        return f"Revoke one first: {MOST_OPEN} open invitations are enough."
    if email and sends_mail() and not _may_mail(request, email):
        return "Too many invitations were sent. Make a link and pass it on, or wait a day."
    return ""


def _may_mail(request: TeamRequest, email: str) -> bool:
    return (
        is_within(request, "invite.sender", str(request.user.pk), A_SENDER)
        and is_within(request, "invite.team", str(request.team.pk), A_TEAM)
        and may_send(request, "invitation", email)
    )


@team_view("admin")
@require_POST
def revoke(request: TeamRequest, invitation: int) -> HttpResponse:
    """Closes an invitation."""
    found = get_object_or_404(Invitation.objects.for_team(request.team), pk=invitation)
    with transaction.atomic():
        invitations.revoke(found)
        _audit(request, "invitation.revoked", found)
    messages.success(request, "The invitation is revoked; its link no longer works.")
    return _back(request)


@never_cache
@require_safe
def invitation_link(request: HttpRequest, key: str) -> HttpResponse:
    """Where an invitation's link leads: moves its key from the path into the session."""
    invitations.keep_in_browser(request, key.replace("\x00", ""))
    return redirect("invitation")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest) -> HttpResponse:
    """The invitation whose link this browser opened last; POST accepts it."""
    found = invitations.opened_by(request)
    reason = found.closed_reason if found else "unknown"
    user = request.user if request.user.is_authenticated else None
    if found and user and found.team.memberships.filter(user=user).exists():
        return redirect(f"/a/{found.team.slug}/")
    if reason or found is None:
        return _closed(request, reason)
    if request.method != "POST":
        return _invitation_page(request, found)
    # A page elsewhere can open another link in this browser after this one was shown.
    if request.POST.get("invitation", str(found.pk)) != str(found.pk):
        messages.warning(request, "Another invitation was opened in this browser: this one.")
        return _invitation_page(request, found, status=409)
    return _accept(request, found)


def _invitation_page(request: HttpRequest, found: Invitation, status: int = 200) -> HttpResponse:
    user = request.user
    is_mine = not user.is_authenticated or invitations.is_for(found, user)
    is_added = user.is_authenticated and proof.has_added(user, found.email)
    context = {"invitation": found, "is_mine": is_mine, "is_added": is_added}
    return render(request, "teams/invitation.html", context, status=status)


@login_required
def _accept(request: HttpRequest, found: Invitation) -> HttpResponse:
    user = cast(User, request.user)
    if not invitations.is_for(found, user):
        return _invitation_page(request, found, status=403)
    try:
        with transaction.atomic():
            membership = invitations.accept(found, user)
            record(
                "invitation.accepted",
                team_id=found.team_id,
                request=request,
                object_name=user.email,
                role=membership.role,
                invitation=found.pk,
            )
    except invitations.ClosedInvitationError as error:
        return _closed(request, str(error))
    messages.success(request, f"You are now in {found.team.name}.")
    return redirect(f"/a/{found.team.slug}/")


def _closed(request: HttpRequest, reason: str) -> HttpResponse:
    status = 404 if reason == "unknown" else 410
    return render(request, "teams/invitation_closed.html", {"reason": reason}, status=status)


def _members_page(request: TeamRequest, form: InvitationForm, status: int = 200) -> HttpResponse:
    people = request.team.memberships.select_related("user").order_by("role", "user__email")
    made = Invitation.objects.for_team(request.team).select_related("invited_by")
    new, url = request.session.pop(_LINK, (None, ""))
    context = {
        "people": people,
        "invitations": [
            {"row": each, "url": url if each.pk == new else ""}
            for each in (made if request.membership.is_admin else [])
            if each.is_open
        ],
        "form": form,
        "roles": Membership.Role.choices,
    }
    return render(request, "teams/members.html", context, status=status)


def _member(request: TeamRequest, member: int) -> Membership:
    return get_object_or_404(request.team.memberships.select_related("user"), pk=member)


def _back(request: TeamRequest) -> HttpResponse:
    return redirect("team_members", team=request.team.slug)


def _audit(request: TeamRequest, action: str, about: User | Invitation, **details: Any) -> None:
    name = about.email or "link"
    record(action, team_id=request.team.pk, request=request, object_name=name, **details)
