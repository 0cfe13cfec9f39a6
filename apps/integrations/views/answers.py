"""One response in the form that the client asked for: a page, an htmx fragment, or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html

from apps.integrations.access.problems import Problem
from apps.teams.access import TeamRequest, wants_json

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class BadBodyError(Exception):
    """An invalid JSON body, or one not of the documented shape."""


def effective_method(request: HttpRequest) -> str:
    """The method; a form's POST may stand for DELETE with `_method=delete`."""
    if request.method == "POST" and request.POST.get("_method", "").lower() == "delete":
        return "DELETE"
    return request.method or "GET"


def body(request: HttpRequest) -> dict[str, Any]:
    """The JSON object of a request. Raises BadBodyError."""
    try:
        data = json.loads(request.body or b"{}")
        # A lone surrogate is no text, and PostgreSQL cannot store NUL.
        is_text = b"\\u0000" not in json.dumps(data, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise BadBodyError("The body is not JSON.") from None
    if not is_text:
        raise BadBodyError("The body contains invalid text.")
    if not isinstance(data, dict):
        raise BadBodyError("The body must be a JSON object.")
    return data


def is_json(request: HttpRequest) -> bool:
    """Whether the request's body is JSON."""
    return request.content_type == "application/json"


def sent(request: HttpRequest, *names: str) -> Mapping[str, Any]:
    """The values of a form or a JSON object with the known `names`. Raises BadBodyError.

    Unknown names are refused, not ignored: they may be meant to limit the action.
    """
    if is_json(request):
        data = body(request)
        if unknown := sorted(set(data) - set(names)):
            raise BadBodyError(f"Not known here: {', '.join(unknown)}.")
        return data
    if request.method == "POST" and request.content_type in FORMS:
        return request.POST
    if request.content_type == FORMS[0]:
        return QueryDict(request.body)  # Django parses forms of POST only
    if request.body:
        raise BadBodyError("The body must be JSON or a form.")
    return {}


def github_id(text: str) -> int:
    """A GitHub id; 0, which is none, for an invalid one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def refused(message: str, code: str, status: int = 400, **more: Any) -> JsonResponse:
    """An error, for programs."""
    return JsonResponse({"error": code, "message": message, **more}, status=status)


def page(
    request: TeamRequest,
    template: str,
    context: dict[str, Any],
    *,
    fragment: str = "",
    status: int = 200,
) -> HttpResponse:
    """The page, or for htmx only its `fragment`."""
    wanted = fragment if fragment and request.htmx and not request.htmx.boosted else template
    return render(request, f"integrations/{wanted}.html", context, status=status)


def back(
    request: TeamRequest,
    name: str,
    problem: Problem | None = None,
    said: str = "",
    search: str = "",
) -> HttpResponse:
    """Redirects to the team's page `name` with the query `search`, and a message."""
    if problem is not None and wants_json(request):
        return refused(
            problem.message, problem.code, advice=problem.advice, url=problem.url or None
        )
    if problem is not None:
        messages.error(request, sentence(problem))
    elif said:
        messages.success(request, said)
    query = {"q": search} if search else None
    return redirect(reverse(name, kwargs={"team": request.team.slug}, query=query))


def sentence(problem: Problem) -> str:
    """What happened and what to do, with a link to where to do it."""
    if not problem.url.startswith(("https://", "http://")):  # some come from GitHub's headers
        return str(problem)
    label = problem.url_label or "Open GitHub"
    return format_html('{} <a href="{}" rel="noreferrer">{}</a>', problem, problem.url, label)
