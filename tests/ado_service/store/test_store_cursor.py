"""Cursors: opaque, of one query, and proof against whatever a client sends."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ado_service.store.cursor import Position, decode, encode, fingerprint
from ado_service.store.design_query import DesignQuery
from ado_service.store.errors import BadCursor
from ado_service.store.job_query import JobQuery
from ado_service.store.page import Page
from ado_service.store.store import Store
from tests.ado_service.store.builders import claimed, measured, new_job, outcome

_FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@given(
    _FLOATS | st.text(max_size=100) | st.none(), st.integers(1, 2**63 - 1) | st.text(max_size=50)
)
def test_a_cursor_remembers_its_place(value: float | str | None, key: int | str) -> None:
    position = Position(value, key)
    if len(cursor := encode("query", position)) <= 1024:
        assert decode(cursor, "query") == position


@given(st.text(max_size=2000))
def test_noise_is_no_cursor(noise: str) -> None:
    with pytest.raises(BadCursor):
        decode(noise, "query")


def _forged(*fields: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode()


@pytest.mark.parametrize(
    "fields",
    [
        (),
        (None,),
        (1.0, 1),
        (float("nan"), 1),
        (float("inf"), 1),
        (1, 1),
        (1.0, True),
        (1.0, 2**63),
        (1.0, None),
        ([], 1),
        (1.0, 1, 1),
    ],
)
def test_a_forged_cursor_is_refused(fields: tuple[Any, ...]) -> None:
    marks = ["other"] if fields == (1.0, 1) else [fingerprint("query")]
    for mark in marks:
        with pytest.raises(BadCursor):
            decode(_forged(mark, *fields), "query")


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(BadCursor):
        decode(base64.urlsafe_b64encode(b"[" * 700).decode(), "query")


_VALUES = (None, 1.0, "text", "0001-01-01T00:00:00+23:59", "\0")
_KEYS = (1, -5, "job", "\0", "")


def test_a_forged_place_is_refused_or_is_a_place(store: Store) -> None:
    measured(store, claimed(store), outcome(1.0), outcome(2.0))
    new_job(store)
    jobs = JobQuery(limit=1)
    _assert_no_forgery_breaks(jobs, store.jobs.page)
    for sort in ("id", "fom", "-metric:gain"):
        _assert_no_forgery_breaks(DesignQuery(limit=1, sort=sort), store.designs.page)


def _assert_no_forgery_breaks(query: Any, page: Callable[[Any], Page[Any]]) -> None:
    own = page(query).next_cursor
    assert own is not None
    mark = json.loads(base64.urlsafe_b64decode(own + "=" * (-len(own) % 4)))[0]
    for value, key in itertools.product(_VALUES, _KEYS):
        forged = query.model_copy(update={"cursor": _forged(mark, value, key)})
        # It may name a place where nothing is; any other error than BadCursor fails the test.
        with contextlib.suppress(BadCursor):
            assert len(page(forged).items) <= 1
