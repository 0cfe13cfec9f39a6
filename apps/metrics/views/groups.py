"""Teams of our own: admins name them and choose their members."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods

from apps.audit.record import record
from apps.metrics.models import Group, TeamMember
from apps.teams.access import TeamRequest, team_view
from apps.teams.changes import figures_changed
from apps.teams.models import Team

MOST_GROUPS = 200
LONGEST_KEY = 18  # digits


class PeopleField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # Django has none
    """People by their keys; a number that no database can hold is no key."""

    def clean(self, value: Any) -> Any:
        if any(len(str(each)) > LONGEST_KEY for each in value or ()):
            raise forms.ValidationError("There is no such person in this team.")
        return super().clean(value)


class GroupForm(forms.Form):
    """A unique name among our own teams, and people of the team's organisations."""

    name = forms.CharField(label="Name", max_length=100)
    members = PeopleField(
        TeamMember.objects.none(),
        label="People",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, team: Team, group: Group | None, *data: Any, **more: Any) -> None:
        super().__init__(*data, **more)
        self.team, self.group = team, group
        people = TeamMember.objects.for_team(team).filter(is_active=True, is_bot=False)
        self.fields["members"].queryset = people.order_by("github_username")  # type: ignore[attr-defined]

    def clean_name(self) -> str:
        """Raises ValidationError if the name is taken."""
        name = " ".join(self.cleaned_data["name"].replace("\x00", "").split())
        others = Group.objects.for_team(self.team).filter(github_id=None, name__iexact=name)
        if self.group:
            others = others.exclude(pk=self.group.pk)
        if not name or others.exists():
            raise forms.ValidationError(f"There is a team called {name} already.")
        return name


@team_view("admin")
@require_http_methods(["GET", "HEAD", "POST"])
def new_group(request: TeamRequest) -> HttpResponse:
    """Creates a team of our own."""
    return _form(request, None)


@team_view("admin")
@require_http_methods(["GET", "HEAD", "POST"])
def own_group(request: TeamRequest, group: int) -> HttpResponse:
    """Changes or deletes one; GitHub's are changed on GitHub."""
    found = Group.objects.for_team(request.team).filter(pk=group, github_id=None).first()
    if found is None:
        raise Http404("There is no such team.")
    if request.method == "POST" and request.POST.get("_method") == "delete":
        return _delete(request, found)
    return _form(request, found)


def _form(request: TeamRequest, group: Group | None) -> HttpResponse:
    initial = {"name": group.name, "members": group.members.all()} if group else {}
    form = GroupForm(request.team, group, request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        if group or Group.objects.for_team(request.team).filter(github_id=None).count() < (
            MOST_GROUPS
        ):
            return _save(request, group, form)
        form.add_error(None, f"Delete one first: {MOST_GROUPS} teams are enough.")
    status = 422 if form.is_bound else 200
    return render(request, "metrics/group_form.html", {"form": form, "group": group}, status=status)


@transaction.atomic
def _save(request: TeamRequest, group: Group | None, form: GroupForm) -> HttpResponse:
    name, members = form.cleaned_data["name"], form.cleaned_data["members"]
    action = "group.changed" if group else "group.made"
    if group is None:
        group = Group(team=request.team, slug=_free_slug(request.team, name))
    group.name = name
    group.save()
    group.members.set(members)
    figures_changed(request.team.pk)
    record(
        action,
        team_id=request.team.pk,
        request=request,
        object_name=name,
        members=[member.github_username for member in members],
    )
    messages.success(request, f"The team {name} is saved.")
    return redirect("group_page", request.team.slug, group.pk)


@transaction.atomic
def _delete(request: TeamRequest, group: Group) -> HttpResponse:
    group.delete()
    figures_changed(request.team.pk)
    record("group.deleted", team_id=request.team.pk, request=request, object_name=group.name)
    messages.success(request, f"The team {group.name} is deleted.")
    return redirect("compare_groups", request.team.slug)


def _free_slug(team: Team, name: str) -> str:
    """The slug for its URL; it stays though the name changes."""
    wanted = f"own-{slugify(name)[:80] or 'team'}"
    taken = set(
        Group.objects.for_team(team).filter(slug__startswith=wanted).values_list("slug", flat=True)
    )
    found = (wanted if number == 1 else f"{wanted}-{number}" for number in range(1, 10_000))
    return next(slug for slug in found if slug not in taken)
