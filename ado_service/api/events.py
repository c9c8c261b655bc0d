"""The events of a job: as a stream that can be taken up again, or as pages."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header, Query
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response, StreamingResponse

from ado_service.api.documented import problems
from ado_service.api.event import Event
from ado_service.api.event_stream import event_stream
from ado_service.api.resource import Limit, Resource
from ado_service.api.routing import router
from ado_service.api.service import Service, ServiceHere
from ado_service.store.database import LARGEST_ID
from ado_service.store.event_record import EventRecord

routes = router("/v1/jobs", "jobs")

_STREAM = "text/event-stream"
_JSON = "application/json"


class EventPage(Resource):
    """Events in their order."""

    items: list[Event]
    last_id: int = Field(description="Ask for what comes after this one next.")
    complete: bool = Field(description="Whether the job has ended and no event is left.")


class EventFilters(BaseModel):
    """Which events."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    after: int = Field(default=0, ge=0, le=LARGEST_ID, description="Id of the last event seen.")
    limit: Limit = 200


LastEventId = Annotated[
    int | None,
    Header(
        alias="Last-Event-ID",
        ge=0,
        le=LARGEST_ID,
        description="Id of the last event seen; goes before `after`.",
    ),
]
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A stream of events, or a page of them where JSON is asked for. In the "
        "stream `id` is the event's id, `event` its kind and `data` the event as in a page.",
        "content": {
            _STREAM: {
                "schema": {"type": "string"},
                "example": 'event: design\ndata: {"id": 12, "kind": "design"}\nid: 12\n\n',
            }
        },
    },
    204: {"description": "The job has ended and every event was seen: do not connect again."},
}


@routes.get(
    "/{job_id}/events",
    operation_id="followEvents",
    summary="Follow a job",
    response_model=EventPage,
    responses={**_ANSWERS, **problems(404)},
)
async def follow_events(
    service: ServiceHere,
    job_id: str,
    filters: Annotated[EventFilters, Query()],
    last_event_id: LastEventId = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "*/*",
) -> Response | EventPage:
    """Server-Sent Events, which end with the job; with `Accept: application/json` one page.

    A client that was cut off goes on behind `Last-Event-ID`, with this server or another.
    """
    after = filters.after if last_event_id is None else last_event_id
    page = await run_in_threadpool(_page, service, job_id, after, filters.limit)
    if _JSON in accept and _STREAM not in accept:
        return page
    if page.complete and not page.items:
        return Response(status_code=204)

    def look(after: int, limit: int) -> tuple[bool, list[Event]]:
        ended, found = _look(service, job_id, after, limit)
        return ended, [Event.model_validate(event) for event in found]

    return StreamingResponse(
        event_stream(service, look, after),
        media_type=_STREAM,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _look(service: Service, job_id: str, after: int, limit: int) -> tuple[bool, list[EventRecord]]:
    # The job first: an ended job has no events to come, so that what is read next is all.
    ended = service.store.jobs.get(job_id).state.ended
    return ended, service.store.events.after(job_id, after, limit)


def _page(service: Service, job_id: str, after: int, limit: int) -> EventPage:
    ended, found = _look(service, job_id, after, limit)
    return EventPage(
        items=[Event.model_validate(event) for event in found],
        last_id=found[-1].id if found else after,
        complete=ended and len(found) < limit,
    )
