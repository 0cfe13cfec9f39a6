"""/repos/…/hooks."""

from starlette.routing import BaseRoute

routes: list[BaseRoute] = []
