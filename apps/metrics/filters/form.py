"""The filter bar: turns a query string into conditions on pull requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.db.models import CharField, Value
from django.http import QueryDict
from django.utils import timezone

from apps.metrics.filters import accounts
from apps.metrics.filters.chosen import DEFAULT_RANGE, WRITTEN, Filters
from apps.metrics.filters.periods import PRESETS, Period
from apps.metrics.filters.viewer import REFUSAL, Viewer, visible_groups
from apps.metrics.models import PullRequest, Repository, TeamMember
from apps.teams.models import Team
from apps.teams.zones import zone_of

RANGES = (
    ("4w", "4 weeks"),
    ("3m", "3 months"),
    ("12m", "12 months"),
    ("all", "All time"),
    ("dates", "Dates"),
)
EARLIEST, LATEST = date(1990, 1, 1), date(2199, 12, 31)
MOST_LABELS = 50  # each is a condition of its own, of which SQLite allows a thousand
SIZES = tuple(PullRequest.Size.values)
YES, NO = ("1", "true", "yes", "on", "t", "y"), ("", "0", "false", "no", "off", "f", "n")


class Texts(forms.Field):
    """Any number of texts: repeated in the URL, or joined by commas if none contains one."""

    def __init__(self, what: str, *, split: bool = True, most: int | None = None) -> None:
        super().__init__(required=False, widget=forms.SelectMultiple)
        self.what = what
        self.split = split
        self.most = most
        self.allowed: Mapping[str, str] | None = None

    def clean(self, value: Sequence[str] | None) -> list[str]:
        found = list(dict.fromkeys(self._known(text) for text in self.texts(value)))
        if self.most and len(found) > self.most:
            raise forms.ValidationError(f"Choose at most {self.most} {self.what}s.")
        return found

    def texts(self, value: Sequence[str] | None) -> list[str]:
        """Each of the texts, known or not."""
        parts = [text.split(",") if self.split else [text] for text in value or ()]
        found = [text.strip() for part in parts for text in part]
        return [text for text in dict.fromkeys(found) if text]

    def _known(self, text: str) -> str:
        if "\x00" in text:
            raise forms.ValidationError(f"That is not the name of a {self.what}.")
        if self.allowed is None:
            return text
        if text.casefold() not in self.allowed:
            raise forms.ValidationError(f"There is no {self.what} “{text[:100]}” here.")
        return self.allowed[text.casefold()]


class Switch(forms.Field):
    """On or off, in each notation of the read API: a check box would take `0` for on."""

    def to_python(self, value: str | None) -> bool:
        text = (value or "").strip().lower()
        if text not in YES + NO:
            raise forms.ValidationError(self.error_messages["invalid"])
        return text in YES


def _day(label: str) -> forms.DateField:
    return forms.DateField(
        label=label,
        required=False,
        error_messages={"invalid": "Write dates as 2026-01-31."},
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )


class FilterForm(forms.Form):
    """Validates a query string, with errors for users."""

    range = forms.ChoiceField(
        choices=RANGES,
        required=False,
        error_messages={"invalid_choice": "Choose 4w, 3m, 12m, all or dates as the range."},
    )
    since = _day("From")
    until = _day("To")
    repo = Texts("repository")
    person = Texts("person")
    group = Texts("GitHub team")
    base = Texts("branch", split=False)
    label = Texts("label", split=False, most=MOST_LABELS)
    size = Texts("size")
    written = Texts("kind of author")
    tool = Texts("tool", most=MOST_LABELS)
    bots = Switch(required=False, error_messages={"invalid": "Bots are 1 (in) or 0 (out)."})
    outsiders = forms.ChoiceField(
        choices=[("1", "in"), ("0", "out")],
        required=False,
        error_messages={"invalid_choice": "Outsiders are 1 (in) or 0 (out)."},
    )

    def __init__(self, data: QueryDict, choices: Choices) -> None:
        super().__init__(data)
        self.query = data
        self.choices = choices
        allowed = {
            "repo": [option.value for option in choices.repositories],
            "group": [option.value for option in choices.groups],
            "size": SIZES,
            "written": list(WRITTEN),
        }
        for name, values in allowed.items():
            field: Any = self.fields[name]
            field.allowed = {value.casefold(): value for value in values}

    def clean_person(self) -> list[str]:
        """Members, and outsiders who are authors."""
        found = [self.choices.person(login) for login in self.cleaned_data["person"]]
        self.cleaned_data["accounts"] = [account for _, account in found if account]
        return [login for login, _ in found]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        first, last = cleaned.get("since"), cleaned.get("until")
        if any(day and not EARLIEST <= day <= LATEST for day in (first, last)):
            raise forms.ValidationError("Choose dates between 1990 and 2199.")
        if first and last and first > last:
            # With swapped dates, the intention is clear.
            cleaned["since"], cleaned["until"] = last, first
        return cleaned

    @property
    def sentences(self) -> list[str]:
        """The errors of the query string."""
        return list(dict.fromkeys(str(each) for found in self.errors.values() for each in found))

    def mended(self) -> FilterForm:
        """The same without invalid values: nothing else is lost."""
        data = self.query.copy()
        for name in self.errors:
            for key in ("since", "until") if name == NON_FIELD_ERRORS else (name,):
                data.setlist(key, self._good(key))
        return FilterForm(data, self.choices)

    def _good(self, name: str) -> list[str]:
        field = self.fields[name]
        if not isinstance(field, Texts):
            return []
        texts = field.texts(self.query.getlist(name))[: field.most]
        return [text for text in texts if self._is_good(name, text)]

    def _is_good(self, name: str, text: str) -> bool:
        data = QueryDict(mutable=True)
        data[name] = text
        return name not in FilterForm(data, self.choices).errors


@dataclass(frozen=True)
class Option:
    """An option; `detail` is its longer name, if it has one."""

    value: str
    detail: str = ""


@dataclass(frozen=True)
class Choices:
    """The options of a team's filter bar."""

    viewer: Viewer
    repositories: Sequence[Option]
    people: Sequence[Option]
    groups: Sequence[Option]

    @classmethod
    def for_viewer(cls, viewer: Viewer) -> Choices:
        """The team's options for this viewer, in one query."""
        team = viewer.team
        nothing = Value("", output_field=CharField())
        others = accounts.others(team).values("github_id")
        members = TeamMember.objects.for_team(team).exclude(github_id__in=others)
        repositories, people, groups = (
            rows.order_by().values_list(Value(kind, output_field=CharField()), value, detail)
            for kind, rows, value, detail in (
                ("repository", Repository.objects.for_team(team), "full_name", nothing),
                ("person", members, "github_username", "name"),
                ("group", visible_groups(viewer), "slug", "name"),
            )
        )
        rows = sorted(repositories.union(people, groups, all=True), key=lambda row: row[1].lower())
        kinds = ("repository", "person", "group")
        found = [[Option(*row[1:]) for row in rows if row[0] == kind] for kind in kinds]
        found[1] = [option for option in found[1] if viewer.sees_login(option.value)]
        return cls(viewer, *found)

    def person(self, login: str) -> tuple[str, int | None]:
        """A member's login, or an outsider's login and GitHub id if they are an author.

        Raises ValidationError.
        """
        other = accounts.others(self.viewer.team).filter(login__iexact=login)
        login = other.values_list("member__github_username", flat=True).first() or login
        if not self.viewer.sees_login(login):
            raise forms.ValidationError(REFUSAL)
        members = {option.value.casefold(): option.value for option in self.people}
        if login.casefold() in members:
            return members[login.casefold()], None
        written = PullRequest.objects.for_team(self.viewer.team).filter(author_login__iexact=login)
        found = written.order_by("-pk").first()
        if found is None or found.author_login is None:
            raise forms.ValidationError(f"There is no person “{login[:100]}” here.")
        return found.author_login, found.author_github_id


def parse(form: FilterForm, team: Team, first_opened_at: datetime | None) -> Filters:
    """The filters of a valid form; all time begins with the team's first pull request."""
    cleaned = form.cleaned_data
    return Filters(
        period=_period(cleaned, team, first_opened_at),
        range=_range_name(cleaned),
        repositories=cleaned["repo"],
        people=cleaned["person"],
        accounts=cleaned["accounts"],
        switched_off=_switched_off(team, cleaned["person"]),
        groups=cleaned["group"],
        bases=cleaned["base"],
        labels=cleaned["label"],
        sizes=cleaned["size"],
        written=cleaned["written"],
        tools=[tool.lower() for tool in cleaned["tool"]],
        bots=cleaned["bots"],
        outsiders=cleaned["outsiders"] != "0",
        excluded=_excluded(team),
        params=_params(cleaned),
    )


def _switched_off(team: Team, people: Sequence[str]) -> list[str]:
    if not people:
        return []
    rows = TeamMember.objects.for_team(team).filter(github_username__in=people, is_hidden=True)
    return list(rows.order_by("github_username").values_list("github_username", flat=True))


def _excluded(team: Team) -> list[str]:
    kinds = (
        ("repositories", team.excluded_repositories),
        ("base branches", team.excluded_branches),
    )
    return [f"{kind} {', '.join(patterns)}" for kind, patterns in kinds if patterns]


def _range_name(cleaned: Mapping[str, Any]) -> str:
    if cleaned["range"] not in ("", "dates"):
        return str(cleaned["range"])
    return "dates" if cleaned["since"] or cleaned["until"] else DEFAULT_RANGE


def _period(cleaned: Mapping[str, Any], team: Team, first_opened_at: datetime | None) -> Period:
    zone = zone_of(team.timezone)
    today = timezone.now().astimezone(zone).date()
    name = _range_name(cleaned)
    if name in PRESETS:
        return Period(today - timedelta(days=PRESETS[name] - 1), today, zone)
    since, until = (cleaned["since"], cleaned["until"]) if name == "dates" else (None, None)
    # A range beyond the data is cut: each of its weeks would cost time, and show nothing.
    latest = max(today, since or today)
    last = min(until or latest, latest)
    opened = first_opened_at.astimezone(zone).date() if first_opened_at else last
    begin = min(max(opened, EARLIEST), last)
    return Period(max(since or begin, begin), last, zone)


def _params(cleaned: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    found: dict[str, Sequence[str]] = {}
    name = _range_name(cleaned)
    if name == "dates":
        days = {key: cleaned[key] for key in ("since", "until")}
        found |= {key: [day.isoformat()] for key, day in days.items() if day}
    # The range is always included: a URL without a query opens the last filter.
    if name != "dates" or not found:
        found["range"] = [name]
    for key in ("repo", "person", "group", "base", "label", "size", "written", "tool"):
        if cleaned[key]:
            found[key] = cleaned[key]
    return found | _flags(cleaned)


def _flags(cleaned: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    flags: Iterable[tuple[str, bool, str]] = (
        ("bots", cleaned["bots"], "1"),
        ("outsiders", cleaned["outsiders"] == "0", "0"),
    )
    return {key: [text] for key, is_set, text in flags if is_set}
