"""Every form of every page, as a browser finds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from tests.addresses import RULES
from tests.fuzz.place import Ask, Place


@dataclass
class Form:
    """A form's action, method, and field values."""

    method: str
    action: str
    fields: dict[str, list[str]] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.page, self.forms, self.select = page, [Form("GET", page)], ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        for name, method in (("hx-get", "GET"), ("hx-post", "POST"), ("hx-delete", "DELETE")):
            if name in given:
                self.forms.append(Form(method, urljoin(self.page, given[name])))
        if tag == "form":
            action = urljoin(self.page, given.get("action", ""))
            self.forms.append(Form(given.get("method", "get").upper(), action))
        elif tag == "option" and self.select:
            self._field(self.select, given.get("value", ""))
        elif given.get("name") and tag in ("input", "select", "textarea", "button"):
            self.select = given["name"] if tag == "select" else ""
            self._field(given["name"], given.get("value", ""))

    def _field(self, name: str, value: str) -> None:
        values = self.forms[-1].fields.setdefault(name, [])
        if value not in values and len(values) < 20:
            values.append(value)


def forms_of(place: Place) -> list[Form]:
    """The forms on the pages that an admin and a signed-out visitor may open."""
    found: dict[str, Form] = {}
    for route, rule in RULES.items():
        if "GET" not in rule.methods or route.startswith("api/"):
            continue
        for visitor in ("admin", "signed out"):
            path = place.acme.path(route)
            with place.untouched():
                reply = place.send(Ask(visitor, "GET", path, headers={"accept": "text/html"}))
            if reply.status_code == 200 and reply.headers["Content-Type"].startswith("text/html"):
                _note(_read(path, reply.content.decode()), found)
    return [found[key] for key in sorted(found)]


def _read(path: str, page: str) -> list[Form]:
    reader = _Reader(path)
    reader.feed(page)
    return reader.forms


def _note(forms: list[Form], found: dict[str, Form]) -> None:
    for form in forms:
        leads = urlsplit(form.action)
        if leads.netloc:
            continue
        form.action = leads.path
        form.fields.pop("csrfmiddlewaretoken", None)
        key = f"{form.method} {form.action} {sorted(form.fields)}"
        found.setdefault(key, form)
