"""POST /api/graphql: parsed, validated, priced and executed as GitHub does it."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    execute_sync,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .cost import NODE_LIMIT, Cost, cost
from .failures import primary_limit, reply_of
from .faults import Fault
from .graphql_schema import resolve_type, schema
from .leaves import spoiling
from .nodes import NodeIndex
from .refusals import (
    TOO_HEAVY,
    GitHubError,
    error,
    from_execution,
    from_validation,
    locations,
    paths_of,
)
from .replies import Reply, refusal
from .resolvers import Context
from .scopes import missing
from .state import Simulator
from .world import Token

DOCS = "https://docs.github.com/graphql"
Json = dict[str, Any]

_indexes: WeakKeyDictionary[Simulator, NodeIndex] = WeakKeyDictionary()


class Refused(Exception):  # noqa: N818  (it is no fault of ours)
    """The query is not executed; `errors` say why."""

    def __init__(self, errors: list[Json]) -> None:
        super().__init__(errors)
        self.errors = errors


class BudgetSpentError(Exception):
    """The account has no points left in this hour."""


async def endpoint(request: Request) -> Response:
    simulator: Simulator = request.app.state.simulator
    if request.state.token is None:
        return refusal(401, "This endpoint requires you to be authenticated.", DOCS)
    try:
        body = json.loads(await request.body())
    except ValueError:
        return refusal(400, "Problems parsing JSON", DOCS)
    if not isinstance(body, dict) or not isinstance(body.get("query"), str):
        message = "A query attribute must be specified and must be a string."
        return JSONResponse({"errors": [{"message": message}]})
    try:
        return _answer(simulator, request, body)
    except Refused as refused:
        return JSONResponse({"errors": refused.errors})
    except BudgetSpentError:
        return primary_limit(200, graphql=True, newer=simulator.limits.newer_errors)


def _answer(simulator: Simulator, request: Request, body: Json) -> Response:
    token: Token = request.state.token
    offered = schema(simulator.lacks)
    document = _document(body["query"], simulator.lacks)
    operation = _operation(document, body.get("operationName"))
    variables = _variables(offered, operation, body.get("variables") or {})
    price = cost(offered, document, operation, variables)
    request.state.operation = operation.name.value if operation.name else None
    _check(simulator, document, token, price)
    simulator.limits.charge(token.counted_as, "graphql", price.points)
    request.state.points = price.points
    fault, struck = request.state.fault, request.state.struck
    context = Context(simulator, token, _index(simulator), price, fault, struck)
    result = _execute(document, context, body)
    if late := _takes_too_long(request, context):
        return late
    return Reply(_reply(result, context.fault), headers=_headers(context))


@lru_cache(maxsize=256)
def _parsed(query: str, lacks: frozenset[str]) -> tuple[DocumentNode, tuple[GraphQLError, ...]]:
    document = parse(query)
    return document, tuple(validate(schema(lacks), document))


def _document(query: str, lacks: frozenset[str]) -> DocumentNode:
    try:
        document, errors = _parsed(query, lacks)
    except GraphQLSyntaxError as raised:
        message = f"Parse error: {raised.description}"
        raise Refused([{"message": message, "locations": locations(raised)}]) from raised
    if errors:
        paths = paths_of(document)
        raise Refused([from_validation(each, paths) for each in errors])
    return document


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operations = [
        definition
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode)
        and (not name or (definition.name and definition.name.value == name))
    ]
    if name and not operations:
        raise Refused([{"message": f'No operation named "{name}"'}])
    if len(operations) != 1:
        raise Refused([{"message": "An operation name is required"}])
    return operations[0]


def _variables(offered: GraphQLSchema, operation: OperationDefinitionNode, given: object) -> Json:
    if not isinstance(given, dict):
        raise Refused([{"message": "Variables must be a JSON object."}])
    values = get_variable_values(offered, operation.variable_definitions, given)
    if isinstance(values, list):
        raise Refused([from_validation(each, {}) for each in values])
    return values


def _check(simulator: Simulator, document: DocumentNode, token: Token, price: Cost) -> None:
    if errors := missing(schema(simulator.lacks), document, token):
        raise Refused(errors)
    if price.nodes > NODE_LIMIT:
        raise Refused([error("MAX_NODE_LIMIT_EXCEEDED", _too_many(price))])
    limits = simulator.limits
    if limits.enabled and limits.window(token.counted_as, "graphql").remaining <= 0:
        raise BudgetSpentError


def _too_many(price: Cost) -> str:
    return (
        f"This query requests up to {price.nodes:,} possible nodes which exceeds "
        f"the maximum limit of {NODE_LIMIT:,}."
    )


def _index(simulator: Simulator) -> NodeIndex:
    if simulator not in _indexes:
        _indexes[simulator] = NodeIndex(simulator.world)
    return _indexes[simulator]


def _execute(document: DocumentNode, context: Context, body: Json) -> ExecutionResult:
    result = execute_sync(
        schema(context.simulator.lacks),
        document,
        context_value=context,
        variable_values=body.get("variables") or {},
        operation_name=body.get("operationName") or None,
        type_resolver=resolve_type,
        middleware=[spoil] if (spoil := spoiling(context.struck)) else None,
    )
    _insist(result)
    return result


def _insist(result: ExecutionResult) -> None:
    """A bug of the simulator is a 500, never a response that GitHub could give."""
    for each in result.errors or ():
        if not isinstance(each.original_error, GitHubError | GraphQLError | None):
            raise each.original_error


def _takes_too_long(request: Request, context: Context) -> Response | None:
    """As long as the nodes take; beyond GitHub's time limit the query is aborted, but paid."""
    options = context.simulator.options
    needed = context.nodes * options.node_latency
    request.state.seconds = min(needed, options.patience)
    if needed <= options.patience:
        return None
    context.simulator.limits.charge(context.token.counted_as, "graphql", context.cost.points)
    return reply_of(Fault("server_error"), 0, graphql=True)


def _reply(result: ExecutionResult, fault: Fault | None) -> Json:
    reply: Json = {"data": result.data}
    if result.errors:
        reply["errors"] = [from_execution(each) for each in result.errors]
    if fault and fault.kind == "resource_limits":
        reply = {"data": None, "errors": [error("RESOURCE_LIMITS_EXCEEDED", TOO_HEAVY)]}
    return reply


def _headers(context: Context) -> dict[str, str]:
    if context.sso_url is None:
        return {}
    return {"X-GitHub-SSO": f"required; url={context.sso_url}"}


routes = [Route("/api/graphql", endpoint, methods=["POST"])]
