"""Tunings on record: made, claimed, followed, ended."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ado_service.local_llm.quantization import Quantization
from ado_service.store.errors import (
    AlreadyExists,
    BadCursor,
    IdempotencyConflict,
    JobEnded,
    LeaseLost,
    ModelInUse,
    NotFound,
)
from ado_service.store.jobs import Idempotency
from ado_service.store.lease_record import Lease
from ado_service.store.model_record import ModelRecord, TuningMethod
from ado_service.store.store import Store
from ado_service.store.tuning_config import TuningConfig
from ado_service.store.tuning_record import (
    Evaluation,
    TuningData,
    TuningMetrics,
    TuningState,
    WantedTuning,
)

CONFIG = TuningConfig(model="local", sources=("job_a",), rate=1e-3)


def new(store: Store, name: str = "tuned") -> str:
    return store.tunings.create(name, CONFIG)[0].id


def metrics() -> TuningMetrics:
    data = TuningData(circuits=("a",), jobs=1, designs=12, answers=10, held_out={"designs": 1})
    found = Evaluation(loss={"designs": 0.5}, mean_loss=0.5)
    return TuningMetrics(data=data, before=found, after=found, trained=5, seconds=1.5)


def model(name: str, **fields: Any) -> ModelRecord:
    base: dict[str, Any] = {
        "name": name, "path": Path("/models/a"), "quantization": Quantization.NONE,
        "fingerprint": "a", "family": "llama", "parameters": 1, "context": 1,
    }  # fmt: skip
    if "base" in fields:
        base |= {"method": TuningMethod.QST, "path": Path("/tunings") / name}
    return ModelRecord.model_validate(base | fields)


def claimed(store: Store, tuning: str) -> Lease:
    lease = store.tuning_leases.claim("one", 60, tuning)
    assert lease is not None
    return lease


def test_it_is_kept_as_it_was_asked_for(store: Store) -> None:
    made, created = store.tunings.create("tuned", CONFIG)
    assert created
    assert (made.state, made.config, made.step, made.loss) == ("queued", CONFIG, 0, None)
    assert store.tunings.get(made.id) == made
    with pytest.raises(NotFound, match="list the tunings"):
        store.tunings.get("tuning_none")


def test_a_key_makes_one_tuning(store: Store) -> None:
    once, other = Idempotency("key", "a"), Idempotency("key", "b")
    first, created = store.tunings.create("one", CONFIG, once)
    again, repeated = store.tunings.create("two", CONFIG, once)
    assert (created, repeated) == (True, False)
    assert again == first == store.tunings.of_key(once)
    with pytest.raises(IdempotencyConflict):
        store.tunings.create("one", CONFIG, other)


def test_a_key_that_is_written_twice_at_once_makes_one_tuning(store: Store) -> None:
    found: list[str] = []

    def create() -> None:
        made, _ = store.tunings.create("tuned", CONFIG, Idempotency("key", "a"))
        found.append(made.id)

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def test_a_name_is_reserved_until_the_end(store: Store) -> None:
    first = new(store)
    with pytest.raises(AlreadyExists, match="a tuning under way makes the name 'tuned'"):
        new(store)
    store.tunings.set_wanted_state(first, WantedTuning.CANCEL)
    assert store.tunings.get(first).state == "cancelled"
    new(store)
    store.models.add(model("taken"))
    with pytest.raises(AlreadyExists, match="a model has the name 'taken'"):
        new(store, "taken")


def test_one_runner_at_a_time_from_claim_to_end(store: Store) -> None:
    tuning = new(store)
    lease = store.tuning_leases.claim("one", 60)
    assert lease is not None
    assert lease.job_id == tuning
    assert store.tuning_leases.claim("two", 60) is None
    store.tuning_leases.note(lease, "trains")
    store.tuning_leases.progress(lease, 3, 0.25, 1.5)
    now = store.tunings.get(tuning)
    assert (now.state, now.message, now.step, now.loss) == ("running", "trains", 3, 0.25)
    store.tuning_leases.complete(lease, metrics(), model("tuned", base="local"))
    ended = store.tunings.get(tuning)
    assert (ended.state, ended.message, ended.metrics) == ("completed", "", metrics())
    assert ended.finished_at is not None
    with pytest.raises(LeaseLost):
        store.tuning_leases.progress(lease, 4, 0.2, 2.0)
    with pytest.raises(JobEnded, match="is completed"):
        store.tunings.set_wanted_state(tuning, WantedTuning.CANCEL)
    events = store.tunings.events_after(tuning)
    kinds = [event.kind for event in events]
    assert kinds == ["created", "state", "note", "progress", "state"]
    assert events[3].data == {"step": 3, "steps": 200, "loss": 0.25, "seconds": 1.5}
    assert store.tunings.events_after(tuning, events[3].id) == events[4:]


def test_a_lost_runner_is_replaced(store: Store) -> None:
    tuning = new(store)
    lost = store.tuning_leases.claim("one", 0.01)
    assert lost is not None
    time.sleep(0.05)
    lease = store.tuning_leases.claim("two", 60)
    assert lease is not None
    assert lease.job_id == tuning
    with pytest.raises(LeaseLost, match="its last checkpoint"):
        store.tuning_leases.renew(lost, 60)
    with pytest.raises(LeaseLost):
        store.tuning_leases.note(lost, "I am still here")
    with pytest.raises(LeaseLost):
        store.tuning_leases.release(lost, TuningState.FAILED)
    assert store.tunings.get(tuning).state == "running"


def test_what_is_wanted_counts_when_it_is_handed_back(store: Store) -> None:
    tuning = new(store)
    lease = store.tuning_leases.claim("one", 60)
    assert lease is not None
    asked = store.tunings.set_wanted_state(tuning, WantedTuning.CANCEL)
    assert (asked.state, asked.wanted_state) == ("running", "cancel")
    store.tuning_leases.release(lease, TuningState.QUEUED)
    assert store.tunings.get(tuning).state == "cancelled"
    store.tunings.set_wanted_state(tuning, WantedTuning.CANCEL)  # is no error
    other = new(store)
    lease = store.tuning_leases.claim("one", 60)
    assert lease is not None
    for state in (TuningState.RUNNING, TuningState.COMPLETED):
        with pytest.raises(ValueError, match="queued to hand it back"):
            store.tuning_leases.release(lease, state)
    store.tuning_leases.release(lease, TuningState.QUEUED)
    assert store.tunings.get(other).state == "queued"


def test_the_cancelled_tuning_of_a_lost_runner_comes_to_that(store: Store) -> None:
    tuning = new(store)
    store.tuning_leases.claim("one", 0.01)
    time.sleep(0.05)
    assert store.tunings.set_wanted_state(tuning, WantedTuning.CANCEL).state == "cancelled"


def test_pages_have_each_tuning_once(store: Store) -> None:
    made = [new(store, f"tuned-{number}") for number in range(5)]
    store.tunings.set_wanted_state(made[2], WantedTuning.CANCEL)
    found, cursor = [], None
    while True:
        page = store.tunings.page(TuningState.QUEUED, limit=2, cursor=cursor)
        found += [one.id for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(found) == sorted(one for one in made if one != made[2])
    assert found[0] == made[4]
    first = store.tunings.page(limit=1).next_cursor
    with pytest.raises(BadCursor):
        store.tunings.page(TuningState.FAILED, cursor=first)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"sources": ("a", "a")}, "sources: a is named twice"),
        ({"method": "qlora", "quantization": "none"}, "quantization: qlora needs nf4"),
        ({"steps": 0}, "greater than or equal to 1"),
        ({"downsampler": "sum"}, "linear"),
    ],
)
def test_what_cannot_be_meant_is_refused(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        TuningConfig.model_validate(CONFIG.model_dump() | changes)


def test_name_and_model_of_a_tuning_under_way_are_its_own(store: Store) -> None:
    store.models.add(model("base"))
    config = CONFIG.model_copy(update={"model": "base"})
    tuning = store.tunings.create("tuned", config)[0].id
    cure = f"ado tunings {tuning} --cancel"
    with pytest.raises(AlreadyExists, match=cure):
        store.models.add(model("tuned"))
    with pytest.raises(AlreadyExists, match=cure):
        store.models.check_free("tuned")
    with pytest.raises(ModelInUse, match=f"'base' is being tuned; .*{cure}"):
        store.models.remove("base")
    store.tunings.set_wanted_state(tuning, WantedTuning.CANCEL)
    store.models.add(model("tuned"))
    store.models.remove("base")
    with pytest.raises(NotFound, match="no model 'base'"):
        store.tunings.create("other", config)
    assert len(store.tunings.page().items) == 1


def test_a_name_goes_to_a_model_or_to_a_tuning(store: Store) -> None:
    for number in range(10):
        name, outcomes = f"tuned-{number}", list[str]()
        both = threading.Barrier(2)

        def add(name: str = name, told: list[str] = outcomes, both: Any = both) -> None:
            both.wait()
            try:
                store.models.add(model(name))
            except AlreadyExists:
                told.append("no model")

        def create(name: str = name, told: list[str] = outcomes, both: Any = both) -> None:
            both.wait()
            try:
                store.tunings.create(name, CONFIG)
            except AlreadyExists:
                told.append("no tuning")

        threads = [threading.Thread(target=target) for target in (add, create)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(outcomes) == 1


def test_the_model_is_on_record_with_the_end_of_its_tuning_or_not_at_all(store: Store) -> None:
    lease = claimed(store, new(store))
    with pytest.raises(NotFound):
        store.tuning_leases.complete(lease, metrics(), model("tuned", base="gone"))
    nf4 = {"name": "base-nf4", "quantization": Quantization.NF4}
    store.models.add(model("base"))
    store.models.add(model("base-nf4", path=Path("/models/other")))
    store.tuning_leases.renew(lease, 60)
    assert store.tunings.get(lease.job_id).state == "running"
    assert [one.name for one in store.models.list()] == ["base", "base-nf4"]
    tuned = model("tuned", base="base")
    kept = store.tuning_leases.complete(lease, metrics(), tuned, model(**nf4))
    assert kept.base == "base-nf4-2"
    assert store.models.get("tuned") == kept
    assert store.models.get("base-nf4-2").quantization == "nf4"
    assert store.tunings.get(lease.job_id).state == "completed"
    other = claimed(store, new(store, "other"))
    found = store.tuning_leases.complete(
        other, metrics(), model("other", base="base"), model(**nf4)
    )
    assert found.base == "base-nf4-2", "the same one again"
    with pytest.raises(LeaseLost):
        store.tuning_leases.complete(other, metrics(), model("third", base="base"))
    assert "third" not in [one.name for one in store.models.list()]


def test_bad_luck_twice_without_a_checkpoint_between_is_none(store: Store) -> None:
    tuning, leases = new(store), store.tuning_leases
    for saved, expected in ((0, "queued"), (50, "queued"), (50, "failed")):
        state = leases.retry(claimed(store, tuning), saved, "it was killed", "take less")
        assert state == expected == store.tunings.get(tuning).state
    message = store.tunings.get(tuning).message
    assert message == "it was killed, for the second time since step 50; take less"
    assert store.tunings.set_wanted_state(tuning, WantedTuning.RUN).state == "queued"
    assert leases.retry(claimed(store, tuning), 50, "it was killed", "") == "queued", "anew"


def test_a_failed_tuning_is_taken_up_again_or_given_up(store: Store) -> None:
    tuning, leases = new(store), store.tuning_leases
    leases.release(claimed(store, tuning), TuningState.FAILED, "no file", "/secret: no file")
    failed = store.tunings.get(tuning)
    assert (failed.message, failed.detail) == ("no file", "/secret: no file")
    assert "/secret" not in str([one.data for one in store.tunings.events_after(tuning)])
    store.models.add(model("tuned"))
    with pytest.raises(AlreadyExists, match="a model has the name 'tuned'"):
        store.tunings.set_wanted_state(tuning, WantedTuning.RUN)
    store.models.remove("tuned")
    again = store.tunings.set_wanted_state(tuning, WantedTuning.RUN)
    assert (again.state, again.message, again.detail, again.finished_at) == ("queued", "", "", None)
    leases.release(claimed(store, tuning), TuningState.FAILED, "again")
    assert store.tunings.set_wanted_state(tuning, WantedTuning.CANCEL).state == "cancelled"
    with pytest.raises(JobEnded):
        store.tunings.set_wanted_state(tuning, WantedTuning.RUN)
