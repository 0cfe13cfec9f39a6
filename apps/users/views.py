"""The user's own pages."""

from __future__ import annotations

from typing import ClassVar, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from apps.users import sessions
from apps.users.models import User


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """The user's name."""

    first_name = forms.CharField(
        label="Name",
        max_length=150,
        required=False,
        help_text="How others in your teams see you; without it, they see your e-mail address.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )

    class Meta:
        model = User
        fields: ClassVar[list[str]] = ["first_name"]

    def clean_first_name(self) -> str:
        """On one line: lists of people, also those of commands, have a line for each."""
        return " ".join(self.cleaned_data["first_name"].split())


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Shows and changes the user's name."""
    user = cast(User, request.user)
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=user.pk))
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Your name is saved.")
        return redirect("account_profile")
    return render(request, "account/profile.html", {"form": form})


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def signed_in(request: HttpRequest) -> HttpResponse:
    """Where the user is signed in; POST signs out everywhere else."""
    user = cast(User, request.user)
    if request.method == "POST":
        sessions.end_others(user, request)
        messages.success(request, "You are signed out everywhere else.")
        return redirect("account_sessions")
    return render(request, "account/sessions.html", {"places": sessions.places(request, user)})
