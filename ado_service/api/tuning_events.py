"""The events of a tuning: as a stream that can be taken up again, or as pages."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header, Query
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from ado_service.api.documented import problems
from ado_service.api.event_stream import event_stream
from ado_service.api.events import EventFilters, LastEventId
from ado_service.api.routing import router
from ado_service.api.service import Service, ServiceHere
from ado_service.api.tuning import TuningEventPage, TuningEventShown
from ado_service.store.tuning_record import TuningEvent

routes = router("/v1/tunings", "tunings")

_STREAM = "text/event-stream"
_JSON = "application/json"
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A stream of events, or a page of them where JSON is asked for. In the "
        "stream `id` is the event's id, `event` its kind and `data` the event as in a page.",
        "content": {
            _STREAM: {
                "schema": {"type": "string"},
                "example": 'event: progress\ndata: {"id": 12, "kind": "progress"}\nid: 12\n\n',
            }
        },
    },
    204: {"description": "The tuning has ended and every event was seen: do not connect again."},
}


@routes.get(
    "/{tuning_id}/events",
    operation_id="followTuning",
    summary="Follow a tuning",
    response_model=TuningEventPage,
    responses={**_ANSWERS, **problems(404)},
)
async def follow_tuning(
    service: ServiceHere,
    tuning_id: str,
    filters: Annotated[EventFilters, Query()],
    last_event_id: LastEventId = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "*/*",
) -> Response | TuningEventPage:
    """Server-Sent Events, which end with the tuning; with `Accept: application/json` one page."""
    after = filters.after if last_event_id is None else last_event_id
    page = await run_in_threadpool(_page, service, tuning_id, after, filters.limit)
    if _JSON in accept and _STREAM not in accept:
        return page
    if page.complete and not page.items:
        return Response(status_code=204)

    def look(after: int, limit: int) -> tuple[bool, list[TuningEventShown]]:
        ended, found = _look(service, tuning_id, after, limit)
        return ended, [TuningEventShown.model_validate(event) for event in found]

    return StreamingResponse(
        event_stream(service, look, after, what="the tuning"),
        media_type=_STREAM,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _look(
    service: Service, tuning_id: str, after: int, limit: int
) -> tuple[bool, list[TuningEvent]]:
    # The tuning first: an ended one has no events to come, so that what is read next is all.
    ended = service.store.tunings.get(tuning_id).state.ended
    return ended, service.store.tunings.events_after(tuning_id, after, limit)


def _page(service: Service, tuning_id: str, after: int, limit: int) -> TuningEventPage:
    ended, found = _look(service, tuning_id, after, limit)
    return TuningEventPage(
        items=[TuningEventShown.model_validate(event) for event in found],
        last_id=found[-1].id if found else after,
        complete=ended and len(found) < limit,
    )
