"""A question to the design database: which designs, in which order, how many."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, FiniteFloat, model_validator

from ado_service.store.design_record import DesignState
from ado_service.store.record import Record

LARGEST_PAGE = 200
_SORT = r"^-?(id|fom|metric:[a-z][a-z0-9_]{0,63})$"


def _sortable(text: str) -> str:
    if not re.fullmatch(_SORT, text):
        raise ValueError(
            f"cannot sort by {text[:100]!r}; write id, fom or metric:NAME, with a minus in front "
            "for the largest first"
        )
    return text


Sort = Annotated[
    str,
    Field(max_length=220, json_schema_extra={"pattern": _SORT}),
    AfterValidator(_sortable),
]
"""What designs are sorted by, see `DesignQuery.sort`."""


class MetricRange(Record):
    """Keeps designs whose worst-corner metric lies in [low, high], in the metric's unit.

    A design without the metric is not kept, also when both ends are open.
    """

    metric: str = Field(min_length=1, max_length=200)
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None


class DesignQuery(Record):
    """Which designs; every filter that is None keeps all.

    Attributes:
        job_id, circuit_name, feasible, proposer, failure, state: equal to this.
        pareto: True keeps those on the Pareto front of their job.
        metric_ranges: worst-corner metrics in these ranges.
        fom_low, fom_high: figure of merit in this inclusive range.
        sort: `id`, `fom` or `metric:NAME`, with a leading `-` for largest first. Designs
            without a value to sort by (pending ones, failed measures) are left out.
        limit: designs a page, at most 200.
        cursor: `next_cursor` of the page before; None for the first page.
        corners: False leaves out the results by corner, the bulk of a design.
    """

    job_id: str | None = None
    circuit_name: str | None = None
    feasible: bool | None = None
    proposer: str | None = None
    failure: str | None = None
    state: DesignState | None = None
    pareto: bool = False
    metric_ranges: tuple[MetricRange, ...] = Field(default=(), max_length=20)
    fom_low: FiniteFloat | None = None
    fom_high: FiniteFloat | None = None
    sort: Sort = "id"
    limit: int = Field(default=50, ge=1, le=LARGEST_PAGE)
    cursor: str | None = None
    corners: bool = True

    @model_validator(mode="after")
    def _ranges_are_not_empty(self) -> Self:
        ranges = [("fom", self.fom_low, self.fom_high)]
        ranges += [(wanted.metric, wanted.low, wanted.high) for wanted in self.metric_ranges]
        for name, low, high in ranges:
            if low is not None and high is not None and low > high:
                raise ValueError(f"{name}: empty range [{low:g}, {high:g}]; swap its ends")
        return self

    @property
    def descending(self) -> bool:
        """Whether the largest comes first."""
        return self.sort.startswith("-")

    @property
    def sort_key(self) -> str:
        """What is sorted by, without its direction."""
        return self.sort.removeprefix("-")

    @property
    def sort_metric(self) -> str | None:
        """The metric that is sorted by, if it is one."""
        kind, found, name = self.sort_key.partition(":")
        return name if found and kind == "metric" else None
