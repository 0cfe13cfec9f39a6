"""Forms of a team: name, settings, roles and invitations."""

from __future__ import annotations

import re
import zoneinfo
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

from apps.teams.models import Membership, Team

GITHUB_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,98}(\[bot\])?")
HISTORY = ((30, "30 days"), (90, "90 days"), (365, "One year"), (730, "Two years"))


def _zones() -> list[tuple[str, str]]:
    # Old and abbreviated zone names would double the list.
    names = sorted(zone for zone in zoneinfo.available_timezones() if _is_place(zone))
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names)]


def _is_place(zone: str) -> bool:
    return "/" in zone and not zone.startswith(("Etc/", "SystemV/", "US/", "posix/", "right/"))


class LinesField(forms.Field):
    """A list of short texts, one a line; empty lines and duplicates are dropped."""

    widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "off"})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:
        lines = [line.strip() for line in str(value or "").replace("\0", "").splitlines()]
        return list(dict.fromkeys(line for line in lines if line))

    def validate(self, value: Any) -> None:
        super().validate(value)
        if len(value) > 50:
            raise ValidationError("That is more than 50 lines. Keep the list shorter.")
        for line in value:
            if len(line) > 200:
                raise ValidationError(f"“{line[:20]}…” is longer than 200 characters.")

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(self.prepare_value(initial)) != self.to_python(data)


class PatternsField(LinesField):
    """Patterns in which * matches anything."""

    def validate(self, value: Any) -> None:
        super().validate(value)
        for pattern in value:
            if not pattern.strip("*?"):
                raise ValidationError(f"“{pattern}” would match everything. Add some text to it.")


class LoginsField(LinesField):
    """Logins on GitHub."""

    def to_python(self, value: Any) -> list[str]:
        lines = (line.removeprefix("@") for line in super().to_python(value))
        return list({login.lower(): login for login in lines if login}.values())

    def validate(self, value: Any) -> None:
        super().validate(value)
        for login in value:
            if not GITHUB_LOGIN.fullmatch(login):
                raise ValidationError(f"“{login}” cannot be the login of an account on GitHub.")


class OwnLoginsField(LinesField):
    """Logins on GitHub, each with a tool: `acme-coder = acme`."""

    def validate(self, value: Any) -> None:
        super().validate(value)
        for line in value:
            login = line.partition(" = ")[0].strip().removeprefix("@")
            if not GITHUB_LOGIN.fullmatch(login):
                raise ValidationError(f"“{login}” cannot be the login of an account on GitHub.")


class StandingChoiceField(forms.TypedChoiceField):
    """A choice that keeps its value where a form does not send it."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(data) and super().has_changed(initial, data)


class NameField(forms.CharField):
    """A team's name, with at least one visible character."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(max_length=100, **arguments)

    def clean(self, value: Any) -> Any:
        return " ".join(str(super().clean(value)).split())


class NewTeamForm(forms.Form):
    """Creates a team."""

    name = NameField(label="Name of the team", help_text="You can change it later.")


class TeamForm(forms.ModelForm):  # type: ignore[type-arg]
    """A team's name and how its figures count."""

    name = NameField(label="Name")
    timezone = forms.ChoiceField(
        label="Time zone", choices=_zones, help_text="Days and weeks begin at midnight there."
    )
    history_days = forms.TypedChoiceField(
        label="History",
        coerce=int,
        empty_value=None,
        required=False,
        help_text="How far back pull requests are fetched from GitHub.",
    )
    require_second_factor = forms.BooleanField(
        label="Ask every member for a second factor",
        required=False,
        help_text="Members with neither an app nor a passkey must set one up to open the team.",
    )
    keep_days = forms.TypedChoiceField(
        label="Keep pull requests",
        coerce=int,
        empty_value=None,
        required=False,
        help_text="Closed ones that nothing happened to for longer are deleted, and not fetched "
        "again. Open ones stay.",
    )
    may_delete = forms.BooleanField(
        label="Delete what is older now, for good",
        required=False,
    )
    audit_days = StandingChoiceField(
        label="Keep the audit log",
        coerce=int,
        required=False,
        choices=[(90, "90 days"), (365, "One year"), (730, "Two years"), (1825, "Five years")],
    )
    hotfix_labels = LinesField(
        label="Labels", required=False, help_text="Whole labels, one on a line, in any case."
    )
    hotfix_branches = PatternsField(
        label="Branches",
        required=False,
        help_text="The branch’s whole name; * stands for anything.",
    )
    hotfix_titles = PatternsField(
        label="Titles",
        required=False,
        help_text="How the title begins; or all of it, where * stands for anything.",
    )
    bot_logins = LoginsField(
        label="More bots",
        required=False,
        help_text="Logins on GitHub, one on a line. Accounts that GitHub marks as bots are known.",
    )

    excluded_repositories = PatternsField(
        label="Repositories left out",
        required=False,
        help_text="OWNER/REPO, one on a line; * stands for anything: acme/legacy-*.",
    )
    excluded_branches = PatternsField(
        label="Base branches left out",
        required=False,
        help_text="What is merged into these does not count; * stands for anything: release/*.",
    )
    ai_logins = OwnLoginsField(
        label="Agents’ accounts", required=False, help_text="One on a line: acme-coder = acme."
    )
    ai_trailers = LinesField(
        label="Trailers",
        required=False,
        help_text="Lines at the end of a commit’s message: Written-with: Acme = acme.",
    )
    ai_branches = LinesField(
        label="Branches", required=False, help_text="How a head branch begins: acme/ = acme."
    )
    ai_labels = LinesField(
        label="AI labels", required=False, help_text="Whole labels: by-acme = acme."
    )
    ai_ignored = LinesField(
        label="Tools that are ignored",
        required=False,
        help_text="Tools whose marks do not count, one on a line, such as cursor.",
    )
    production_environments = PatternsField(
        label="More environments of production",
        required=False,
        help_text="Names of environments on GitHub, one on a line; * stands for anything: eu-*.",
    )
    are_people_private = forms.BooleanField(
        label="Only admins and the person see figures on a single person",
        required=False,
    )

    class Meta:
        model = Team
        fields: ClassVar[list[str]] = [
            "name",
            "timezone",
            "history_days",
            "keep_days",
            "audit_days",
            "require_second_factor",
            "hotfix_labels",
            "hotfix_branches",
            "hotfix_titles",
            "bot_logins",
            "excluded_repositories",
            "excluded_branches",
            "ai_logins",
            "ai_trailers",
            "ai_branches",
            "ai_labels",
            "ai_ignored",
            "production_environments",
            "are_people_private",
        ]

    def __init__(self, has_proven_factor: bool, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.has_proven_factor = has_proven_factor
        history: Any = self.fields["history_days"]
        history.choices = _history_choices(self.instance.history_days)
        keep: Any = self.fields["keep_days"]
        keep.choices = [("", "For good"), *_history_choices(self.instance.keep_days)[1:]]
        zone: Any = self.fields["timezone"]
        if (current := self.instance.timezone) not in dict(_zones()):
            zone.choices = [(current, current), *_zones()]

    def clean_require_second_factor(self) -> bool:
        wanted = bool(self.cleaned_data["require_second_factor"])
        if wanted and not self.instance.require_second_factor and not self.has_proven_factor:
            raise ValidationError(
                "Set one up for yourself first, under “Your account”, and sign in with it."
            )
        return wanted

    def clean(self) -> None:
        """Asks for confirmation before pull requests are deleted."""
        super().clean()
        days, before = self.cleaned_data.get("keep_days"), self.instance.keep_days
        is_shorter = days is not None and (before is None or days < before)
        if is_shorter and not self.cleaned_data.get("may_delete"):
            self.add_error(
                "keep_days",
                f"Closed pull requests that nothing happened to for {days} days are deleted as "
                "soon as this is saved. Tick the box below if you want that, and save again.",
            )

    def clean_audit_days(self) -> int:
        """The former value where the form does not send one."""
        return int(self.cleaned_data["audit_days"] or self.instance.audit_days)


def _history_choices(current: int | None) -> list[tuple[int | str, str]]:
    days = dict(HISTORY)
    if current and current not in days:
        days[current] = f"{current} days"
    return [("", "Everything"), *sorted(days.items())]


class InvitationForm(forms.Form):
    """Invites a person: by e-mail if an address is given, else by a link."""

    email = forms.EmailField(
        label="E-mail address",
        required=False,
        help_text="Leave it empty for a link that you pass on yourself.",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    role = forms.ChoiceField(
        label="Role", choices=Membership.Role.choices, initial=Membership.Role.MEMBER
    )

    def __init__(self, team: Team, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.team = team

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"])
        if email and self.team.memberships.filter(user__email__iexact=email).exists():
            raise ValidationError(f"{email} is in the team already.")
        return email


class RoleForm(forms.Form):
    """Gives a member another role."""

    role = forms.ChoiceField(choices=Membership.Role.choices)
