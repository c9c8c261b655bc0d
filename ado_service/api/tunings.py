"""Tunings of local models: started, listed, looked at, cancelled."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import Body, Header, Query
from starlette.responses import Response

from ado_service.api.documented import accepted, not_modified, problems
from ado_service.api.etag import IfNoneMatch, etag, headers, unchanged
from ado_service.api.problem import ProblemError, invalid
from ado_service.api.request_hash import request_hash
from ado_service.api.routing import router
from ado_service.api.service import Service, ServiceHere, StoreHere
from ado_service.api.tuning import (
    NEW_TUNINGS,
    NewTuning,
    Tuning,
    TuningFilters,
    TuningPage,
    TuningWish,
)
from ado_service.local_llm import MissingExtraError, require_extra
from ado_service.store.jobs import Idempotency
from ado_service.tunings.base_model import ModelFilesError
from ado_service.tunings.place import want
from ado_service.tunings.submit import submit

_log = structlog.get_logger(__name__)
_RETRY_SECONDS = "3600"
"""Nobody installs libraries sooner."""

routes = router("/v1/tunings", "tunings")


@routes.post(
    "",
    operation_id="createTuning",
    summary="Tune a model",
    status_code=202,
    response_model=Tuning,
    responses={**accepted("tuning"), **problems(409, 413, 415)},
)
def create_tuning(
    service: ServiceHere,
    response: Response,
    tuning: Annotated[NewTuning, Body(openapi_examples=NEW_TUNINGS)],
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            pattern=r"^[\x21-\x7e]+$",
            description="The same key with the same body makes one tuning.",
        ),
    ] = None,
) -> Tuning:
    """Queue a tuning. It runs in a process of its own as soon as a worker is free."""
    _check_extra(service)
    once = None if idempotency_key is None else Idempotency(idempotency_key, request_hash(tuning))
    try:
        record, created = submit(service.store, tuning.config, tuning.name, once)
    except ModelFilesError as error:  # where they lie is for the log
        _log.error("model_files", detail=str(error))
        said = "the model's files are not as they were registered; the server's log says more"
        raise invalid("body", "/model", said) from error
    response.headers["Location"] = f"/v1/tunings/{record.id}"
    if not created:
        response.headers["Idempotency-Replayed"] = "true"
    return Tuning.model_validate(record)


@routes.get(
    "",
    operation_id="listTunings",
    summary="List tunings",
    response_model=TuningPage,
    responses=problems(),
)
def list_tunings(store: StoreHere, filters: Annotated[TuningFilters, Query()]) -> TuningPage:
    """Tunings, the newest first."""
    page = store.tunings.page(filters.state, limit=filters.limit, cursor=filters.cursor)
    items = [Tuning.model_validate(record) for record in page.items]
    return TuningPage(items=items, next_cursor=page.next_cursor)


@routes.get(
    "/{tuning_id}",
    operation_id="getTuning",
    summary="Look at a tuning",
    response_model=Tuning,
    responses={**not_modified(), **problems(404)},
)
def get_tuning(
    store: StoreHere, response: Response, tuning_id: str, if_none_match: IfNoneMatch = None
) -> Tuning | Response:
    """Where a tuning stands. Its entity tag changes with its progress: poll with If-None-Match."""
    record = store.tunings.get(tuning_id)
    tag = etag(record.version)
    response.headers.update(headers(tag))
    return unchanged(tag, if_none_match) or Tuning.model_validate(record)


@routes.put(
    "/{tuning_id}/wanted-state",
    operation_id="setWantedStateOfTuning",
    summary="Cancel a tuning, or take a failed one up again",
    response_model=Tuning,
    responses=problems(404, 409, 413, 415),
)
def set_wanted_state(
    service: ServiceHere, tuning_id: str, wish: Annotated[TuningWish, Body()]
) -> Tuning:
    """Say what is wanted. A running tuning comes to it within a step, any other at once.

    One that failed and is to run goes on from its last checkpoint; cancelled, it gives that up.
    """
    record = want(service.store, service.settings, tuning_id, wish.wanted_state)
    return Tuning.model_validate(record)


def _check_extra(service: Service) -> None:
    """Refuse what would wait in vain: this server runs the tunings, and has not what they need."""
    if service.tuner is None:
        return
    try:
        require_extra()
    except MissingExtraError as error:
        raise ProblemError(
            503,
            "no-tunings-here",
            f"this server cannot tune: {error}; or leave jobs and tunings to workers that have it "
            "(ado serve --no-jobs)",
            headers={"Retry-After": _RETRY_SECONDS},
        ) from error
