"""The designs: proposed, measured, read back."""

from __future__ import annotations

import math
import struct

import pytest
from pydantic import ValidationError

from ado_service.store.design_query import DesignQuery
from ado_service.store.design_record import DesignState
from ado_service.store.errors import AlreadyExists, NotFound
from ado_service.store.job_record import BestDesign
from ado_service.store.store import Store
from simulators.result import CornerResult, DevicePoint, Region
from tests.ado_service.store.builders import claimed, measured, outcome, proposed

_NASTY = [
    5e-324,
    2.2250738585072009e-308,
    1e-300,
    0.1 + 0.2,
    1 / 3,
    -1.7976931348623157e308,
    9007199254740993.0,
    1e22,
    -1e-7,
    123456789.12345679,
]


def _bits(values: list[float]) -> list[bytes]:
    return [struct.pack("<d", value) for value in values]


def test_a_pending_design_comes_back_as_it_was_proposed(store: Store) -> None:
    lease = claimed(store)
    design = proposed(
        3, round=2, stage="llm", proposer="llm", turn=4, note="wider", values={"w": 1}
    )
    [record] = store.designs.add_pending(lease, [design])
    assert record == store.designs.get(record.id)
    assert record.state is DesignState.PENDING
    assert record.model_dump(include=set(type(design).model_fields)) == design.model_dump()
    assert (record.job_id, record.circuit_name) == (lease.job_id, "amplifier")
    assert (record.fom, record.metrics, record.finished_at) == (None, {}, None)


def test_designs_are_recorded_in_the_order_given(store: Store) -> None:
    lease = claimed(store)
    records = store.designs.add_pending(lease, [proposed(index) for index in (4, 0, 2)])
    assert [record.index for record in records] == [4, 0, 2]
    assert [record.index for record in store.designs.of_job(lease.job_id)] == [0, 2, 4]
    assert store.designs.add_pending(lease, []) == []
    assert store.designs.of_job("job_none") == []


def test_an_index_is_taken_once(store: Store) -> None:
    lease = claimed(store)
    store.designs.add_pending(lease, [proposed(1)])
    before = store.designs.of_job(lease.job_id), store.jobs.get(lease.job_id)
    for batch in ([proposed(0), proposed(1)], [proposed(5), proposed(5)]):
        with pytest.raises(AlreadyExists, match="go on behind the last one"):
            store.designs.add_pending(lease, batch)
    assert (store.designs.of_job(lease.job_id), store.jobs.get(lease.job_id)) == before
    assert store.designs.add_pending(claimed(store), [proposed(1)]), "another job's is its own"


def test_an_outcome_comes_back_as_it_was_measured(store: Store) -> None:
    lease = claimed(store)
    [pending] = store.designs.add_pending(lease, [proposed(0)])
    point = DevicePoint(
        region=Region.SATURATION, id=1e-6, gm=1e-5, gds=1e-7, vgs=0.5, vds=0.6, vth=0.4, vdsat=0.1
    )
    corner = CornerResult(metrics={"gain": 2.5}, measures={"raw": None}, devices={"xn1": point})
    result = outcome(
        2.5,
        metrics={"gain": 2.5, "power": None},
        corners={"nominal": corner},
        regions={"xn1": "saturation"},
        failure="measure_failed",
        message="power: out of interval \0 \ud800",
        seconds=0.25,
        simulator="ngspice-39",
    )
    record = store.designs.finish(lease, pending.id, result)
    assert record == store.designs.get(pending.id)
    assert record.state is DesignState.DONE
    assert record.finished_at is not None
    kept = record.model_dump(include=set(type(result).model_fields) - {"message", "gains"})
    assert kept == result.model_dump(exclude={"message", "cached", "gains"})
    assert record.message == "power: out of interval \ufffd \ufffd"
    assert record.values == pending.values


def test_floats_come_back_bit_for_bit(store: Store) -> None:
    lease = claimed(store)
    names = [f"v{number}" for number in range(len(_NASTY) + 1)]
    numbers = [*_NASTY, -0.0]
    values = dict(zip(names, numbers, strict=True))
    pending = store.designs.add_pending(
        lease, [proposed(index, values=values) for index in range(len(_NASTY))]
    )
    for design, fom in zip(pending, _NASTY, strict=True):
        corner = CornerResult(metrics=dict(values), measures={"odd": math.inf})
        result = outcome(fom, metrics=values, corners={"nominal": corner}, seconds=abs(fom))
        store.designs.finish(lease, design.id, result)
    read = store.designs.of_job(lease.job_id)
    assert _bits([design.fom for design in read if design.fom is not None]) == _bits(_NASTY)
    assert _bits([design.seconds for design in read]) == _bits([abs(fom) for fom in _NASTY])
    for design in read:
        assert _bits(list(design.values.values())) == _bits(numbers)
        measures = design.corners["nominal"].measures
        assert measures == {"odd": math.inf}
        for metrics in (design.metrics, design.corners["nominal"].metrics):
            assert _bits([value for value in metrics.values() if value is not None]) == _bits(
                numbers
            )
    best = store.jobs.get(lease.job_id).best
    assert best is not None
    assert best.fom == max(_NASTY)


def test_metric_rows_hold_the_same_bits(store: Store) -> None:
    lease = claimed(store)
    measured(store, lease, *(outcome(fom) for fom in _NASTY))
    page = store.designs.page(DesignQuery(sort="metric:gain", limit=200))
    assert [design.fom for design in page.items] == sorted(_NASTY)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_no_number_is_no_measurement(store: Store, number: float) -> None:
    lease = claimed(store)
    [design] = measured(store, lease, outcome(number, metrics={"gain": number}))
    assert (design.fom, design.metrics) == (None, {"gain": None})
    assert store.jobs.get(lease.job_id).best is None
    with pytest.raises(ValidationError, match="finite"):
        proposed(0, values={"w": number})


def test_a_zero_has_no_sign(store: Store) -> None:
    [design] = measured(store, claimed(store), outcome(-0.0))
    assert math.copysign(1, design.fom or 0.0) == 1


def test_finishing_counts_and_tells(store: Store) -> None:
    lease = claimed(store)
    before = store.jobs.get(lease.job_id)
    [design] = measured(store, lease, outcome(2.0, feasible=True, failure=None))
    job = store.jobs.get(lease.job_id)
    assert job.simulations == 1
    assert job.version > before.version
    assert job.best == BestDesign(
        design_id=design.id, index=0, fom=2.0, specs_met=1, specs_total=1, feasible=True
    )
    last = store.events.after(lease.job_id)[-1]
    assert last.kind == "design"
    assert last.data == {
        "design_id": design.id,
        "index": 0,
        "proposer": "sobol",
        "fom": 2.0,
        "specs_met": 1,
        "specs_total": 1,
        "feasible": True,
        "failure": None,
        "cached": False,
    }


def test_of_designs_that_miss_as_much_the_nearest_is_the_best(store: Store) -> None:
    lease = claimed(store)
    foms = (-2.0, -2.0, -2.0, -2.0, -3.0)
    far = (0.5, 0.2, 0.1, 0.1, 0.0)
    outcomes = [outcome(fom, shortfall=short) for fom, short in zip(foms, far, strict=True)]
    measured(store, lease, *outcomes)
    best = store.jobs.get(lease.job_id).best
    assert best is not None
    assert (best.index, best.fom, best.shortfall) == (2, -2.0, 0.1)
    tried = store.designs.tried(lease.job_id)
    ranks = [one.rank for one in tried if one.rank is not None]
    assert ranks.index(max(ranks)) == 2


def test_a_result_is_never_replaced(store: Store) -> None:
    lease = claimed(store)
    [design] = measured(store, lease, outcome(1.0))
    before = store.jobs.get(lease.job_id), store.events.after(lease.job_id)
    with pytest.raises(AlreadyExists, match="never replaced"):
        store.designs.finish(lease, design.id, outcome(9.0))
    assert store.designs.get(design.id) == design
    assert (store.jobs.get(lease.job_id), store.events.after(lease.job_id)) == before


def test_a_design_is_finished_by_its_own_job(store: Store) -> None:
    [design] = store.designs.add_pending(claimed(store), [proposed(0)])
    with pytest.raises(NotFound, match="add it as pending first"):
        store.designs.finish(claimed(store), design.id, outcome())


@pytest.mark.parametrize("design_id", [0, -1, 10**12, 2**63 - 1, 2**63, -(2**200)])
def test_an_unknown_design_is_named(store: Store, design_id: int) -> None:
    with pytest.raises(NotFound, match="list the designs"):
        store.designs.get(design_id)


@pytest.mark.parametrize(
    ("finished", "best", "position"),
    [
        ([(0, 1.0, False), (1, 3.0, False), (2, 2.0, False)], 1, None),
        ([(0, 9.0, False), (1, 1.0, True), (2, 8.0, False)], 1, 2),
        ([(2, 5.0, True), (1, 5.0, True), (0, 4.0, True)], 1, 1),
        ([(0, 5.0, True), (1, 5.0, True)], 0, 1),
        ([(3, None, True), (1, 1.0, False)], 1, 4),
    ],
    ids=["fom", "feasible-first", "out-of-order", "tie", "no-fom"],
)
def test_the_best_and_the_first_feasible_design(
    store: Store,
    finished: list[tuple[int, float | None, bool]],
    best: int,
    position: int | None,
) -> None:
    lease = claimed(store)
    pending = store.designs.add_pending(lease, [proposed(index) for index in range(4)])
    for index, fom, feasible in finished:
        store.designs.finish(lease, pending[index].id, outcome(fom, feasible=feasible))
    job = store.jobs.get(lease.job_id)
    assert job.best is not None
    assert (job.best.index, job.simulations_to_all_specs) == (best, position)
    assert job.simulations == len(finished)


def test_corners_can_be_left_out(store: Store) -> None:
    lease = claimed(store)
    corners = {"nominal": CornerResult(metrics={"gain": 1.0})}
    [design] = measured(store, lease, outcome(corners=corners))
    assert design.corners == corners
    lean = design.model_copy(update={"corners": {}})
    assert store.designs.of_job(lease.job_id, corners=False) == [lean]
    assert store.designs.page(DesignQuery(corners=False)).items == (lean,)
    assert store.designs.page(DesignQuery()).items == (design,)
