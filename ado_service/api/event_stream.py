"""A job's events as Server-Sent Events, read from the event table.

Whichever process wrote an event, and whichever one the client is connected to: the table is the
only thing they share, and its ids the only state of a stream.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import anyio
import structlog
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from ado_service.api.event import Event
from ado_service.api.service import Service
from ado_service.store.errors import StoreError
from ado_service.store.event_record import EventRecord

_log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 15.0
"""How long a stream is silent at most; proxies cut silent connections."""

_RECONNECT_MILLISECONDS = 2000
_QUICKEST, _SLOWEST = 0.1, 1.0
"""Seconds between looks at the table: quick while things happen, slow while nothing does."""

_PAGE = 200


async def event_stream(service: Service, job_id: str, after: int) -> AsyncIterator[bytes]:
    """The events behind id `after`, then each one as it comes, until the job has ended.

    It ends early when the server shuts down or the database does not answer: the client comes
    back with the last id it saw.
    """
    yield format_sse_event(retry=_RECONNECT_MILLISECONDS, comment="events of the job")
    pause, spoke = _QUICKEST, time.monotonic()
    while not service.closing.is_set():
        try:
            ended, found = await run_in_threadpool(_look, service, job_id, after)
        except StoreError as error:
            _log.warning("event_stream_cut", job=job_id, detail=str(error))
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


def _look(service: Service, job_id: str, after: int) -> tuple[bool, list[EventRecord]]:
    """Whether the job has ended, and its next events."""
    # The job first: an ended job has no events to come, so that what is read next is all.
    ended = service.store.jobs.get(job_id).state.ended
    return ended, service.store.events.after(job_id, after, _PAGE)


def _format(event: EventRecord) -> bytes:
    shown = Event.model_validate(event)
    kind = " ".join(event.kind.split())
    return format_sse_event(data_str=shown.model_dump_json(), event=kind, id=str(event.id))
