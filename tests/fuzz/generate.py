"""The requests: forms filled in as on pages and at random, deliveries, callbacks."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

from django.urls import URLResolver, get_resolver
from hypothesis import strategies as st

from apps.integrations.github import signature
from apps.integrations.hooks.events import HANDLERS, IGNORED
from apps.integrations.models import Hook
from tests.addresses import RULES
from tests.fuzz.forms import Form
from tests.fuzz.place import HOOK, SCRIPT, Ask, Place
from tests.program import ROOT

PUBLISHED = ROOT / "node_modules/@octokit/webhooks-examples/api.github.com/index.json"

NASTY = (
    *(
        "",
        " ",
        "\0",
        "0",
        "-1",
        "1e9",
        "9" * 30,
        "NaN",
        "null",
        "true",
        "[]",
        "{}",
        "*",
        "%",
        "%00",
    ),
    *("../../etc/passwd", "' OR 1=1 --", SCRIPT, "{{ 7*7 }}", "😀", "\u202eabc", "a" * 3000),
    *("javascript:alert(1)", "//evil.example/", "/\\evil.example", "https://evil.example/"),
    *("2026-02-30", "9999-12-31", "0001-01-01", "1,2", "1;2", "a/b", "acme/*", "@me", "\x1b[31m"),
    *(
        "x\r\nSet-Cookie: injected=1",
        "http://169.254.169.254/",
        "http://[::1",
        "file:///etc/passwd",
    ),
)
# Texts whose processing grows faster than their length, unless bounded.
COSTLY = (
    *("*" + "a*" * 120 + "b", "://" * 2_000, "-" * 20_000, "a@" * 5_000, "[" * 20_000),
    *("1990-01-01", "2199-12-31", "\x1b" * 300, "{" * 5_000, "((a+)+)+" * 40 + "!"),
)
RANGES = (("since", "1990-01-01"), ("until", "2199-12-31"), ("range", "dates"))
VISITORS = ("signed out", "outsider", "member", "admin", "neighbour", "staff")
METHODS = ("GET", "GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS")
ACCEPT = ("text/html", "application/json", "*/*", "nonsense", "")
FRAGMENT = {"hx-request": "true", "hx-target": "figures", "hx-current-url": "http://testserver/"}
NAMES = (
    *("next", "_method", "format", "page", "before", "repo", "q", "sort", "from", "to", "state"),
    *("since", "until", "range", "columns", "person", "label"),
)


def texts(place: Place) -> st.SearchStrategy[str]:
    """Values: nasty ones, names and ids of either team, and anything else."""
    ids = [str(value) for team in (place.acme, place.beta) for value in team.ids.values()]
    known = st.sampled_from([*NASTY, *COSTLY, *ids])
    return known | st.text(max_size=30)


@st.composite
def filled(draw: Any, place: Place, form: Form) -> list[tuple[str, str]]:
    """A form's fields: unchanged, changed, left out, twice, or of another form."""
    pairs: list[tuple[str, str]] = []
    value = texts(place)
    for name, values in form.fields.items():
        what = draw(st.integers(0, 5))
        if what >= 4 and values:
            pairs.append((name, draw(st.sampled_from(values))))
        elif what >= 1:
            pairs += [(name, draw(value)) for _ in range(1 + (what == 1))]
    for _ in range(draw(st.integers(0, 1))):
        pairs.append((draw(st.sampled_from(NAMES)), draw(value)))
    return pairs


@st.composite
def form_asks(draw: Any, place: Place, forms: list[Form]) -> Ask:
    """A submitted form, perhaps by a visitor who cannot see it."""
    form = draw(st.sampled_from(forms))
    pairs = draw(filled(place, form))
    headers = {"accept": draw(st.sampled_from(ACCEPT))}
    if draw(st.booleans()):
        headers.update(FRAGMENT)
    path = draw(st.sampled_from([form.action, form.action.replace("/acme/", "/beta/")]))
    visitor = draw(st.sampled_from(VISITORS))
    if form.method == "GET":
        return Ask(visitor, "GET", path, urlencode(pairs), headers=headers)
    body, kind = draw(encoded(pairs))
    return Ask(visitor, form.method, path, body=body, content_type=kind, headers=headers)


@st.composite
def encoded(draw: Any, pairs: list[tuple[str, str]]) -> tuple[bytes, str]:
    """The body with them, or a malformed one."""
    plain = "application/x-www-form-urlencoded"
    what = draw(st.integers(0, 9))
    if what <= 5:
        return urlencode(pairs).encode(), plain
    if what <= 7:
        return json.dumps(dict(pairs)).encode(), "application/json"
    if what == 8:
        if draw(st.booleans()):
            return draw(st.sampled_from([b"[" * 20_000, b'{"a":' * 20_000])), "application/json"
        return draw(st.binary(max_size=60)), draw(st.sampled_from([plain, "application/json"]))
    return b"--x\r\n" + draw(st.binary(max_size=60)), "multipart/form-data; boundary=x"


@st.composite
def address_asks(draw: Any, place: Place) -> Ask:
    """Any URL by any method, with ids of either team or of none."""
    route = draw(st.sampled_from([*RULES, *_admin_routes()]))
    value = texts(place)
    team = draw(st.sampled_from([place.acme, place.beta]))
    others = {"app_label": "x", "content_type_id": 1, "object_id": 1, "id": 1, "url": "x"}
    names = draw(st.lists(st.sampled_from(list(team.ids)), max_size=2))
    other = {name: quote(draw(value), safe="") or "x" for name in names}
    path = team.path(route, **{**others, **other})
    method = draw(
        st.sampled_from(["GET", "GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"])
    )
    query = draw(st.lists(st.tuples(st.sampled_from(NAMES), value), max_size=3))
    if draw(st.integers(0, 9)) == 0:
        query += RANGES
    body, kind = draw(encoded(query)) if method not in ("GET", "HEAD") else (b"", "")
    headers = {"accept": draw(st.sampled_from(ACCEPT))}
    if draw(st.integers(0, 4)) == 0:
        # A server joins repeated headers with commas, however long that becomes.
        headers[draw(st.sampled_from(["origin", "referer", "user-agent", "x-forwarded-for"]))] = (
            ",".join([draw(value)] * 60).replace("\r", "").replace("\n", "")
        )
    visitor = draw(st.sampled_from(VISITORS))
    return Ask(visitor, method, path, urlencode(query), body, kind, headers)


def _admin_routes() -> list[str]:
    parts = [each for each in get_resolver().url_patterns if isinstance(each, URLResolver)]
    admin = next(each for each in parts if str(each.pattern) == "admin/")
    return [f"admin/{each.pattern}" for each in admin.url_patterns if "<" not in str(each.pattern)]


@st.composite
def callback_asks(draw: Any, place: Place, states: list[str]) -> Ask:
    """GitHub's response by way of a browser, or a forgery of one."""
    paths = (
        "/integrations/github/callback/",
        "/a/acme/integrations/github/callback/",
        "/accounts/github/login/callback/",
    )
    value = texts(place)
    pairs = [
        ("state", draw(st.sampled_from(states) | value)),
        ("code", draw(value)),
        *draw(
            st.lists(
                st.tuples(st.sampled_from(["error", "error_description", "code"]), value),
                max_size=2,
            )
        ),
    ]
    visitor = draw(st.sampled_from(VISITORS))
    return Ask(visitor, "GET", draw(st.sampled_from(paths)), urlencode(pairs))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=15),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def hook_asks(draw: Any, hook: Hook, examples: list[tuple[str, Any]]) -> Ask:
    """A delivery: one of GitHub's examples with parts replaced, or anything; signed or not."""
    event, payload = examples[draw(st.integers(0, len(examples) - 1))]
    body = json.dumps(draw(damaged(payload, hook))).encode()
    if draw(st.integers(0, 9)) == 0:
        body = draw(st.binary(max_size=80))
    if draw(st.integers(0, 9)) == 0:
        event = draw(st.sampled_from(sorted([*HANDLERS, *IGNORED])) | st.text(max_size=10))
    is_form = draw(st.integers(0, 9)) == 0
    if is_form:
        body = urlencode({"payload": body}).encode()
    signed = signature.sign(hook.secret, body)
    signs = draw(st.integers(0, 4))
    header = signed if signs else draw(st.sampled_from(["", "sha256=", signed[:-1], "é", "sha1=x"]))
    odd = st.text(max_size=9)
    headers = {
        "x-github-event": event,
        "x-github-delivery": draw(st.uuids()).hex if draw(st.integers(0, 9)) else draw(odd),
        "x-github-hook-id": str(hook.hook_id) if draw(st.integers(0, 9)) else draw(odd),
        "x-github-hook-installation-target-id": str(hook.github_repo_id),
        "x-hub-signature-256": header,
    }
    kind = "application/x-www-form-urlencoded" if is_form else "application/json"
    return Ask("signed out", "POST", HOOK, body=body, content_type=kind, headers=headers)


def published_examples() -> list[tuple[str, Any]]:
    """GitHub's own example payloads by event."""
    events = json.loads(PUBLISHED.read_text())
    return [(event["name"], example) for event in events for example in event["examples"]]


@st.composite
def damaged(draw: Any, payload: Any, hook: Hook) -> Any:
    """The payload, for our repository, with up to two of its parts replaced."""
    payload = json.loads(json.dumps(payload))
    if isinstance(payload.get("repository"), dict):
        payload["repository"]["id"] = hook.github_repo_id
    for _ in range(draw(st.integers(0, 2))):
        place: Any = payload
        while isinstance(place, dict) and place:
            name = draw(st.sampled_from(sorted(place)))
            if not isinstance(place[name], dict) or draw(st.integers(0, 2)) == 0:
                place[name] = draw(JSON)
                break
            place = place[name]
    return payload
