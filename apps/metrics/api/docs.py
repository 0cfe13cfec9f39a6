"""The documentation page of the read API, generated from its own OpenAPI description."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.metrics.api.operations import FilterQuery, api

Json = Mapping[str, Any]
FILTERS = set(FilterQuery.model_fields)


@dataclass(frozen=True)
class Parameter:
    """A parameter of an operation, or a field of its response."""

    name: str
    type: str
    description: str


@dataclass(frozen=True)
class Operation:
    """A GET operation of the API."""

    path: str
    description: str
    has_filters: bool
    parameters: list[Parameter]
    reply: str
    fields: list[Parameter]


@cache
def _described() -> Mapping[str, Any]:
    """Cached for the process: it takes a third of a second, and anybody may open the page."""
    described = api.get_openapi_schema()
    filters = FilterQuery.model_json_schema()["properties"]
    return {
        "filters": [
            Parameter(name, _type(field), field["description"]) for name, field in filters.items()
        ],
        "operations": list(_operations(described, described["components"]["schemas"])),
    }


@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    """Every URL of the API with its parameters and fields, without any team's data."""
    context = {**_described(), "rate_limit": settings.API_RATE_LIMIT}
    return render(request, "metrics/api_docs.html", context)


def _operations(described: Json, schemas: Json) -> Iterator[Operation]:
    for path, methods in described["paths"].items():
        get = methods["get"]
        reply = get["responses"][200].get("content", {}).get("application/json", {})
        schema = reply.get("schema", {})
        parameters = [
            Parameter(p["name"], _type(p["schema"]), p["schema"].get("description", ""))
            for p in get.get("parameters", ())
        ]
        has_filters = {parameter.name for parameter in parameters} >= FILTERS
        yield Operation(
            path,
            get.get("description", ""),
            has_filters,
            [each for each in parameters if not (has_filters and each.name in FILTERS)],
            _type(schema),
            list(_fields(schema, schemas)),
        )


def _fields(schema: Json, schemas: Json) -> Iterator[Parameter]:
    reference = schema.get("$ref") or schema.get("items", {}).get("$ref", "")
    fields = schemas.get(reference.rpartition("/")[2], {}).get("properties", {})
    for name, field in fields.items():
        yield Parameter(name, _type(field), field.get("description", ""))


def _type(schema: Json) -> str:
    """A schema's type in words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        kinds = [_type(kind) for kind in schema["anyOf"]]
        return " or ".join(kinds)
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type", "object"))
