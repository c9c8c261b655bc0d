"""The routes' strictness: no unknown or doubled parameters, JSON that means one thing only."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from ado_service.api.problem import ProblemError, invalid
from ado_service.api.strict_json import parse_json

_REPEATABLE = frozenset({"metric"})

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRoute(APIRoute):
    """A route that refuses what would otherwise be ignored without a word."""

    def get_route_handler(self) -> Handler:
        """The handler, behind the checks of query, content type and JSON."""
        handler = super().get_route_handler()
        takes_query = bool(self.dependant.query_params)
        takes_body = self.body_field is not None

        async def strict(request: Request) -> Response:
            _check_query(request, takes_query=takes_query)
            if takes_body:
                _check_content_type(request)
                request = _StrictRequest(request.scope, request.receive)
            return await handler(request)

        return strict


def router(prefix: str, tag: str) -> APIRouter:
    """A router whose routes are strict."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=StrictRoute)


def allowed_methods(request: Request) -> list[str]:
    """The methods that some route takes at the request's address."""
    routers: Iterable[APIRouter] = request.app.state.routers
    methods = {
        method
        for one in routers
        for route in one.routes
        if isinstance(route, APIRoute) and route.path_regex.match(request.url.path)
        for method in route.methods or ()
    }
    return sorted(methods)


class _StrictRequest(Request):
    async def json(self) -> Any:
        return parse_json(await self.body())


def _check_query(request: Request, *, takes_query: bool) -> None:
    names = [name for name, _ in request.query_params.multi_items()]
    for name in names:
        if not takes_query:
            raise invalid("query", f"/{name}", "this address takes no parameters; leave it out")
        if names.count(name) > 1 and name not in _REPEATABLE:
            raise invalid("query", f"/{name}", "given more than once; give it once")


def _check_content_type(request: Request) -> None:
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent != "application/json":
        raise ProblemError(
            415,
            "unsupported-media-type",
            f"the body must be application/json, not {sent or 'of an unnamed type'}; "
            "say so in Content-Type",
            headers={"Accept": "application/json"},
        )
