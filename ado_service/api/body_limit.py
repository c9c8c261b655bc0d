"""No request body beyond a size that anyone means to send."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ado_service.api.problem import ProblemError

LARGEST_BODY = 1024 * 1024
"""Bytes."""

_DETAIL = f"the body is over {LARGEST_BODY} bytes; send less"


class BodyLimit:
    """Refuses larger bodies with 413, by their stated length or else once they get too long.

    Starlette has a middleware of this kind, but it answers in plain text.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif _stated(scope) > LARGEST_BODY:
            await ProblemError(413, "content-too-large", _DETAIL).response(scope, receive, send)
        else:
            await self._app(scope, _counted(receive), send)


def _stated(scope: Scope) -> int:
    stated = Headers(scope=scope).get("content-length", "")
    return int(stated) if stated.isdecimal() and len(stated) < 20 else 0


def _counted(receive: Receive) -> Receive:
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > LARGEST_BODY:
            # FastAPI, which reads the body, lets this kind of exception through and no other.
            raise HTTPException(413, _DETAIL)
        return message

    return counting
