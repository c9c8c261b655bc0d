"""The SQL of a listing of designs: filters, order, and where the page begins.

Paging is by key: a page begins behind the last (sort value, id) of the page before, which an
index finds at once however far the listing has gone, and which neither skips nor repeats a
design when others are added meanwhile.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping

from ado_service.store.cursor import Position, decode, encode
from ado_service.store.design_query import DesignQuery, MetricRange
from ado_service.store.design_rows import select_designs
from ado_service.store.errors import BadCursor
from ado_service.store.tables import design_metrics, designs, pareto_designs

_EQUAL = ("job_id", "circuit_name", "feasible", "proposer", "failure", "state")


def listing(query: DesignQuery) -> sa.Select[Any]:
    """The designs of `query` from its cursor on, one more than a page holds.

    Each row has the columns of a design and `sort_value`.

    Raises:
        BadCursor: the cursor is of another query, or none at all.
    """
    selected = select_designs(query.corners)
    value, key, selected = _sorted_by(query, selected)
    selected = _filtered(query, selected).add_columns(value.label("sort_value"))
    if query.cursor is not None:
        selected = selected.where(_behind(query, value, key))
    order = [column.desc() if query.descending else column.asc() for column in (value, key)]
    # By id alone, value and key are one column.
    return selected.order_by(*(order[:1] if value is key else order)).limit(query.limit + 1)


def next_cursor(query: DesignQuery, last: RowMapping) -> str:
    """The cursor of the page behind the row `last`."""
    value = None if query.sort_key == "id" else float(last["sort_value"])
    return encode(_what(query), Position(value, last["id"]))


_Column = sa.ColumnElement[Any]


def _sorted_by(
    query: DesignQuery, selected: sa.Select[Any]
) -> tuple[_Column, _Column, sa.Select[Any]]:
    """The columns to sort by (value, tie-break) and the query with what they need."""
    if query.sort_key == "id":
        return designs.c.id, designs.c.id, selected
    if query.sort_key == "fom":
        return designs.c.fom, designs.c.id, selected.where(designs.c.fom.is_not(None))
    metric = design_metrics.alias("sorted")
    if query.job_id is not None:
        # One job's designs are few: look each one's value up and sort, rather than walk through
        # the metrics of every job in their order.
        own = (metric.c.design_id == designs.c.id) & (metric.c.metric == query.sort_metric)
        value = sa.select(metric.c.value).where(own).scalar_subquery()
        return value, designs.c.id, selected.where(value.is_not(None))
    selected = selected.join(metric, metric.c.design_id == designs.c.id)
    selected = selected.where(metric.c.metric == query.sort_metric)
    if query.circuit_name is not None:
        # Said of the metric's row too, so that one index has both the filter and the order.
        selected = selected.where(metric.c.circuit_name == query.circuit_name)
    return metric.c.value, metric.c.design_id, selected


def _filtered(query: DesignQuery, selected: sa.Select[Any]) -> sa.Select[Any]:
    for name in _EQUAL:
        wanted = getattr(query, name)
        if wanted is not None:
            selected = selected.where(designs.c[name] == wanted)
    if query.pareto:
        selected = selected.join(pareto_designs, pareto_designs.c.design_id == designs.c.id)
        if query.job_id is not None:
            # Said of the front's row too, so that an index finds the few there are.
            selected = selected.where(pareto_designs.c.job_id == query.job_id)
    selected = _within(selected, designs.c.fom, query.fom_low, query.fom_high)
    for number, wanted in enumerate(query.metric_ranges):
        selected = _in_range(selected, wanted, number)
    return selected


def _in_range(selected: sa.Select[Any], wanted: MetricRange, number: int) -> sa.Select[Any]:
    metric = design_metrics.alias(f"range_{number}")
    selected = selected.join(
        metric, (metric.c.design_id == designs.c.id) & (metric.c.metric == wanted.metric)
    )
    return _within(selected, metric.c.value, wanted.low, wanted.high)


def _within(
    selected: sa.Select[Any], column: _Column, low: float | None, high: float | None
) -> sa.Select[Any]:
    if low is not None:
        selected = selected.where(column >= low)
    if high is not None:
        selected = selected.where(column <= high)
    return selected


def _behind(query: DesignQuery, value: _Column, key: _Column) -> sa.ColumnElement[bool]:
    position = decode(query.cursor or "", _what(query))
    if not isinstance(position.id, int) or isinstance(position.value, str):
        raise BadCursor("the cursor cannot be read; take next_cursor from the page before")
    if value is key:
        return key < position.id if query.descending else key > position.id
    here = sa.tuple_(value, key)
    last = sa.tuple_(sa.literal(position.value, sa.Double), sa.literal(position.id, sa.BigInteger))
    return here < last if query.descending else here > last


def _what(query: DesignQuery) -> str:
    return "designs" + query.model_dump_json(exclude={"cursor", "limit", "corners"})
