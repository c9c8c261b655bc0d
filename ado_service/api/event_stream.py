"""The events of a job or a tuning as Server-Sent Events, read from their table.

Whichever process wrote an event, and whichever one the client is connected to: the table is the
only thing they share, and its ids the only state of a stream.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

import anyio
import structlog
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from ado_service.api.service import Service
from ado_service.store.errors import StoreError

_log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 15.0
"""How long a stream is silent at most; proxies cut silent connections."""

_RECONNECT_MILLISECONDS = 2000
_QUICKEST, _SLOWEST = 0.1, 1.0
"""Seconds between looks at the table: quick while things happen, slow while nothing does."""

_PAGE = 200


class ShownEvent(Protocol):
    """An event as the API shows it."""

    @property
    def id(self) -> int:
        """Increasing."""
        ...

    @property
    def kind(self) -> str:
        """What it tells of."""
        ...

    def model_dump_json(self) -> str:
        """The event as JSON."""
        ...


Look = Callable[[int, int], tuple[bool, Sequence[ShownEvent]]]
"""Given an id and a limit: whether no more will come, and the events beyond the id."""


async def event_stream(
    service: Service, look: Look, after: int, *, what: str = "the job"
) -> AsyncIterator[bytes]:
    """The events behind id `after`, then each one as it comes, until the end.

    It ends early when the server shuts down or the database does not answer: the client comes
    back with the last id it saw.
    """
    yield format_sse_event(retry=_RECONNECT_MILLISECONDS, comment=f"events of {what}")
    pause, spoke = _QUICKEST, time.monotonic()
    while not service.closing.is_set():
        try:
            ended, found = await run_in_threadpool(look, after, _PAGE)
        except StoreError as error:
            _log.warning("event_stream_cut", detail=str(error))
            return
        for event in found:
            yield _format(event)
            after = event.id
        if ended and len(found) < _PAGE:
            return
        if found:
            pause, spoke = _QUICKEST, time.monotonic()
            if len(found) == _PAGE:
                continue
        elif time.monotonic() - spoke >= HEARTBEAT_SECONDS:
            yield KEEPALIVE_COMMENT
            spoke = time.monotonic()
        await anyio.sleep(pause)
        pause = min(2 * pause, _SLOWEST)


def _format(event: ShownEvent) -> bytes:
    kind = " ".join(event.kind.split())
    return format_sse_event(data_str=event.model_dump_json(), event=kind, id=str(event.id))
