"""Designs: those of a job, and the whole design database."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from ado_service.api.design import Design, DesignPage
from ado_service.api.design_filters import DesignFilters, JobDesignFilters
from ado_service.api.documented import not_modified, problems
from ado_service.api.etag import IfNoneMatch, etag, headers, unchanged
from ado_service.api.routing import router
from ado_service.api.service import StoreHere
from ado_service.jobs.browsing import check_sort
from ado_service.store.design_query import DesignQuery
from ado_service.store.store import Store

routes = router("/v1", "designs")


@routes.get(
    "/designs",
    operation_id="listDesigns",
    summary="Browse the design database",
    response_model=DesignPage,
    responses=problems(),
)
def list_designs(store: StoreHere, filters: Annotated[DesignFilters, Query()]) -> DesignPage:
    """Designs of all jobs, filtered and sorted."""
    return _page(store, filters.query())


@routes.get(
    "/designs/{design_id}",
    operation_id="getDesign",
    summary="Look at a design",
    response_model=Design,
    responses={**not_modified(), **problems(404)},
)
def get_design(
    store: StoreHere, response: Response, design_id: int, if_none_match: IfNoneMatch = None
) -> Design | Response:
    """A design with its results in every corner."""
    record = store.designs.get(design_id)
    tag = etag(f"{record.id}-{record.state}")  # it changes once, when it is done
    response.headers.update(headers(tag))
    return unchanged(tag, if_none_match) or Design.model_validate(record)


@routes.get(
    "/jobs/{job_id}/designs",
    operation_id="listJobDesigns",
    summary="List the designs of a job",
    response_model=DesignPage,
    responses=problems(404),
)
def list_job_designs(
    store: StoreHere, job_id: str, filters: Annotated[JobDesignFilters, Query()]
) -> DesignPage:
    """Designs of a job in the order of their simulation, pending ones included, or as asked for."""
    store.jobs.get(job_id)  # an unknown job is no empty list
    return _page(store, filters.query(job_id))


def _page(store: Store, query: DesignQuery) -> DesignPage:
    check_sort(store, query)
    page = store.designs.page(query)
    return DesignPage(
        items=[Design.model_validate(record) for record in page.items],
        next_cursor=page.next_cursor,
    )
