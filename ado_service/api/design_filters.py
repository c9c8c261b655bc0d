"""The query parameters of a listing of designs."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from ado_service.api.resource import Filters, Name
from ado_service.store.design_query import DesignQuery, MetricRange, Sort
from ado_service.store.design_record import DesignState
from circuits.units import parse_quantity

_METRIC = re.compile(r"^[a-z][a-z0-9_]{0,63}$")


def parse_range(text: str) -> tuple[float | None, float | None]:
    """The ends of `min:max`, SI units; an end that is left out is None.

    Raises:
        ValueError: it is no range, or an empty one.
    """
    ends = text.split(":")
    if len(ends) != 2:
        raise ValueError("write min:max, either end may be left out, such as 60: or 1meg:10meg")
    low, high = (parse_quantity(end) if end.strip() else None for end in ends)
    if low is not None and high is not None and low > high:
        raise ValueError(f"empty range [{low:g}, {high:g}]; swap its ends")
    return low, high


def parse_metric_range(text: str) -> MetricRange:
    """The filter `name:min:max`.

    Raises:
        ValueError: it is none.
    """
    name, _, ends = text.partition(":")
    if not _METRIC.match(name):
        raise ValueError("write name:min:max, such as gain:60: or power::30u")
    low, high = parse_range(ends)
    return MetricRange(metric=name, low=low, high=high)


def _is_range(text: str) -> str:
    parse_range(text)
    return text


def _is_metric_range(text: str) -> str:
    parse_metric_range(text)
    return text


_Range = Annotated[str, Field(max_length=200), AfterValidator(_is_range)]
_MetricRange = Annotated[str, Field(max_length=300), AfterValidator(_is_metric_range)]


class JobDesignFilters(Filters):
    """Which designs of a job."""

    feasible: bool | None = None
    proposer: Name | None = None
    failure: Name | None = Field(default=None, description="Failure kind, such as `timeout`.")
    state: DesignState | None = None
    metric: list[_MetricRange] = Field(
        default_factory=list,
        max_length=20,
        description="`name:min:max`, either end may be left out: `gain:60:`, `gbw:1meg:10meg`. "
        "May be given several times.",
    )
    fom: _Range | None = Field(default=None, description="`min:max`, either end may be left out.")
    sort: Sort = Field(
        default="id",
        description="`id`, `fom` or `metric:NAME`; a leading `-` for the largest first. Designs "
        "without a value to sort by are left out.",
    )
    corners: bool = Field(default=False, description="Whether to show each corner's results.")

    def query(self, job_id: str | None = None, circuit: str | None = None) -> DesignQuery:
        """The question to the design database."""
        low, high = (None, None) if self.fom is None else parse_range(self.fom)
        return DesignQuery(
            job_id=job_id,
            circuit_name=circuit,
            metric_ranges=tuple(parse_metric_range(text) for text in self.metric),
            fom_low=low,
            fom_high=high,
            **self.model_dump(exclude={"metric", "fom"}),
        )


class DesignFilters(JobDesignFilters):
    """Which designs of the whole database."""

    circuit: Name | None = Field(default=None, description="Name of the circuit.")
    job: Name | None = Field(default=None, description="Id of the job.")

    def query(self, job_id: str | None = None, circuit: str | None = None) -> DesignQuery:
        """The question to the design database."""
        bare = JobDesignFilters(**self.model_dump(exclude={"circuit", "job"}))
        return bare.query(job_id or self.job, circuit or self.circuit)
