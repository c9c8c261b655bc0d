"""What is done about a mistake of ours: it is logged whole, and answered without a word of it."""

from __future__ import annotations

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ado_service.api.problem import ProblemError

_log = structlog.get_logger(__name__)


def internal_error() -> ProblemError:
    """The answer to any mistake of ours."""
    return ProblemError(
        500, "internal", "the service made a mistake; its log says more, this answer does not"
    )


class LastResort:
    """Answers 500 to any exception that nobody has caught.

    An exception handler of the framework would not do: it lets the exception through to the
    server, which then cuts the connection under the client's next request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watching(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watching)
        except Exception:
            _log.exception("unexpected_error", method=scope["method"], path=scope["path"])
            if started:  # too late for another answer: the server cuts this one short
                raise
            await internal_error().response(scope, receive, send)
