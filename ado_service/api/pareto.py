"""The Pareto front of a job: the trade-offs that it found."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import Query
from pydantic import Field
from starlette.responses import Response

from ado_service.api.design import Design
from ado_service.api.documented import not_modified, problems
from ado_service.api.etag import IfNoneMatch, etag, headers, unchanged
from ado_service.api.resource import Filters, NextCursor, Resource
from ado_service.api.routing import router
from ado_service.api.service import StoreHere
from ado_service.jobs.browsing import check_sort, pareto_job
from ado_service.store.design_query import DesignQuery, Sort
from circuits.spec import Direction

routes = router("/v1/jobs", "jobs")


class ParetoFilters(Filters):
    """Which part of the front, in which order."""

    sort: Sort = Field(
        default="id",
        description="`id`, `fom` or `metric:NAME`; a leading `-` for the largest first.",
    )


class Axis(Resource):
    """A metric of the objective."""

    metric: str
    direction: Direction | None = Field(description="`>`: larger is better; `<`: smaller is.")


class ParetoFront(Resource):
    """Designs that meet every spec, and than which none is better in all of the metrics."""

    objective: str
    axes: list[Axis]
    size: int = Field(description="How many designs are on the front.")
    items: list[Design]
    next_cursor: NextCursor


@routes.get(
    "/{job_id}/pareto",
    operation_id="getParetoFront",
    summary="Look at a job's Pareto front",
    response_model=ParetoFront,
    responses={**not_modified(), **problems(404)},
)
def get_pareto_front(
    store: StoreHere,
    response: Response,
    job_id: str,
    filters: Annotated[ParetoFilters, Query()],
    if_none_match: IfNoneMatch = None,
) -> ParetoFront | Response:
    """The front as it stands: a design that is dominated by a later one leaves it."""
    job = pareto_job(store, job_id)
    query = DesignQuery(job_id=job_id, pareto=True, corners=False, **filters.model_dump())
    check_sort(store, query)
    page = store.designs.page(query)
    shown = ParetoFront(
        objective=str(job.config.objective),
        axes=[Axis.model_validate(aim) for aim in job.config.objective.aims],
        size=store.designs.front_size(job_id),
        items=[Design.model_validate(record) for record in page.items],
        next_cursor=page.next_cursor,
    )
    tag = etag(_mark(shown))
    response.headers.update(headers(tag))
    return unchanged(tag, if_none_match) or shown


def _mark(shown: ParetoFront) -> str:
    """Of all that can change: designs that are done never do."""
    ids = ",".join(str(one.id) for one in shown.items)
    return hashlib.sha256(f"{ids}/{shown.size}/{shown.next_cursor}".encode()).hexdigest()[:32]
