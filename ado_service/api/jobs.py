"""Jobs: started, listed, looked at, and told what is wanted of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Header, Query
from starlette.responses import Response

from ado_service.api.documented import accepted, not_modified, problems
from ado_service.api.etag import IfNoneMatch, etag, headers, unchanged
from ado_service.api.job import NEW_JOBS, Job, JobDetail, JobFilters, JobPage, NewJob, Wish
from ado_service.api.request_hash import request_hash
from ado_service.api.routing import router
from ado_service.api.service import ServiceHere, StoreHere
from ado_service.job_config import JobConfig
from ado_service.jobs.submit import default_profile, submit
from ado_service.jobs.summary import JobSummary, job_credit, summarise
from ado_service.settings import Settings
from ado_service.store.job_query import JobQuery
from ado_service.store.job_record import JobRecord
from ado_service.store.jobs import Idempotency
from ado_service.store.store import Store

routes = router("/v1/jobs", "jobs")


@routes.post(
    "",
    operation_id="createJob",
    summary="Start a job",
    status_code=202,
    response_model=JobDetail,
    responses={**accepted("job"), **problems(413, 415)},
)
def create_job(
    service: ServiceHere,
    response: Response,
    job: Annotated[NewJob, Body(openapi_examples=NEW_JOBS)],
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            pattern=r"^[\x21-\x7e]+$",
            description="The same key with the same job makes one job, however often it is sent.",
        ),
    ] = None,
) -> JobDetail:
    """Queue a job. It runs as soon as a worker is free; follow it at its `Location`."""
    once = None if idempotency_key is None else Idempotency(idempotency_key, request_hash(job))
    config = _with_default_llm(job.config, service.settings)
    record, created = submit(service.store, service.settings, job.circuit, config, once)
    response.headers["Location"] = f"/v1/jobs/{record.id}"
    if not created:
        response.headers["Idempotency-Replayed"] = "true"
    return _detail(service.store, record)


@routes.get(
    "",
    operation_id="listJobs",
    summary="List jobs",
    response_model=JobPage,
    responses=problems(),
)
def list_jobs(store: StoreHere, filters: Annotated[JobFilters, Query()]) -> JobPage:
    """Jobs, the newest first."""
    page = store.jobs.page(
        JobQuery(
            state=filters.state,
            circuit_name=filters.circuit,
            limit=filters.limit,
            cursor=filters.cursor,
        )
    )
    return JobPage(
        items=[Job.model_validate(record) for record in page.items], next_cursor=page.next_cursor
    )


@routes.get(
    "/{job_id}",
    operation_id="getJob",
    summary="Look at a job",
    response_model=JobDetail,
    responses={**not_modified(), **problems(404)},
)
def get_job(
    store: StoreHere, response: Response, job_id: str, if_none_match: IfNoneMatch = None
) -> JobDetail | Response:
    """Where a job stands. Its entity tag changes with every design: poll with If-None-Match."""
    record = store.jobs.get(job_id)
    tag = etag(record.version)
    response.headers.update(headers(tag))
    return unchanged(tag, if_none_match) or _detail(store, record)


@routes.get(
    "/{job_id}/summary",
    operation_id="getJobSummary",
    summary="What a job came to",
    response_model=JobSummary,
    responses=problems(404),
)
def get_summary(store: StoreHere, job_id: str) -> JobSummary:
    """The best design with its values and metrics, and what the job cost in time and tokens."""
    return summarise(store, job_id)


@routes.put(
    "/{job_id}/wanted-state",
    operation_id="setWantedState",
    summary="Pause, resume or cancel a job",
    response_model=JobDetail,
    responses=problems(404, 409, 413, 415),
)
def set_wanted_state(
    store: StoreHere,
    job_id: str,
    wish: Annotated[Wish, Body()],
) -> JobDetail:
    """Say what is wanted. A running job comes to it within a second, any other at once."""
    return _detail(store, store.jobs.set_wanted_state(job_id, wish.wanted_state))


def _detail(store: Store, record: JobRecord) -> JobDetail:
    return JobDetail.model_validate(record.model_dump() | {"credit": job_credit(store, record.id)})


def _with_default_llm(config: JobConfig, settings: Settings) -> JobConfig:
    """The server's default profile for a job that says nothing about an LLM (null says: none)."""
    if "llm" in config.model_fields_set:
        return config
    return config.model_copy(update={"llm": default_profile(settings, config.method)})
