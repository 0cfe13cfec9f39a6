"""The link that confirms an address; its key leaves the path at once."""

from __future__ import annotations

from typing import Any

from allauth.account.models import get_emailconfirmation_model
from allauth.account.views import ConfirmEmailView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from apps.users import proof

HERE = "link"
_KEY = "confirmation_key"


def _keep(request: HttpRequest, key: str) -> None:
    """Keeps the key of a link that works: made-up ones would fill the table of sessions."""
    request.session.pop(_KEY, None)
    if "\x00" not in key and get_emailconfirmation_model().from_key(key):
        request.session[_KEY] = key


class ConfirmAddress(ConfirmEmailView):  # type: ignore[misc]
    """Confirms an address for a visitor who has both the link and the account.

    With the link alone, a person who finds it in their mail would confirm a stranger's account.
    """

    def dispatch(self, request: HttpRequest, *arguments: Any, **named: Any) -> HttpResponse:
        key = named["key"]
        if key != HERE:
            _keep(request, key)
            return redirect("account_confirm_email", key=HERE)
        self.kwargs["key"] = request.session.get(_KEY, "")
        reply: HttpResponse = super().dispatch(request, *arguments, **named)
        return reply

    def post(self, *arguments: Any, **named: Any) -> HttpResponse:
        self.object = self.get_object()
        if not self._may_confirm():
            refused: HttpResponse = self.render_to_response(self.get_context_data(), status=403)
            return refused
        reply: HttpResponse = super().post(*arguments, **named)
        self.request.session.pop(_KEY, None)
        return reply

    def logout_other_user(self, confirmation: Any) -> None:
        """A link opened by another user changes nothing for them."""

    def get_context_data(self, **named: Any) -> dict[str, Any]:
        found = super().get_context_data(**named)
        return {**found, "holds": bool(self.object) and self._may_confirm()}

    def _may_confirm(self) -> bool:
        address = self.object.email_address
        user = address.user
        is_own = address.email.lower() == user.email.lower()
        return proof.holds(self.request, user) and (is_own or proof.may_add(user))
