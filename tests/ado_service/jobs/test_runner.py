"""Whole jobs on the design database, with a real LLM endpoint that misbehaves in every way."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ado_service.job_config import JobConfig, LlmShare, Method
from ado_service.jobs.lease import LeaseKeeper
from ado_service.jobs.runner import NO_LLM, Runner
from ado_service.jobs.submit import submit
from ado_service.jobs.summary import JobSummary, summarise
from ado_service.jobs.worker import Worker
from ado_service.llm.profile import LLMProfile
from ado_service.settings import Settings
from ado_service.store.design_record import DesignRecord, DesignState
from ado_service.store.errors import LeaseLost
from ado_service.store.job_record import JobState, WantedState
from ado_service.store.lease_record import Lease
from ado_service.store.store import Store
from circuits.loader import load_circuit
from prompts.version import PROMPT_VERSION
from tests import llm_server as llm
from tests.llm_server import ScriptedLLM, Step

BUDGET = 10


def settings_for(tmp_path: Path, base_url: str = "", **profile: object) -> Settings:
    fields = {"base_url": base_url, "model": "scripted", "timeout": 0.5, "retries": 1, **profile}
    profiles = {"scripted": LLMProfile.model_validate(fields)} if base_url else {}
    return Settings(data_dir=tmp_path, processes=2, llm_profiles=profiles)


def run_job(store: Store, settings: Settings, **config: object) -> tuple[str, JobSummary]:
    job_config = JobConfig.model_validate({"budget": BUDGET, "initial": 5, "batch": 5, **config})
    job, created = submit(store, settings, "two_stage_amplifier", job_config)
    assert created
    lease = store.leases.claim("test", 30, job.id)
    assert lease is not None
    Runner(store, settings).run(lease)
    return job.id, summarise(store, job.id)


def wait_for_the_end(store: Store, worker: Worker, job_id: str, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not store.jobs.get(job_id).state.ended and time.monotonic() < deadline:
        worker.wait(0.1)


def shares(designs: list[DesignRecord]) -> dict[int, Counter[str]]:
    """Designs of each proposer, by round."""
    found: dict[int, Counter[str]] = {}
    for design in designs:
        found.setdefault(design.round, Counter())[design.proposer] += 1
    return found


def test_ado_llm_gives_one_llm_and_four_gp_designs_a_round(store: Store, tmp_path: Path) -> None:
    with ScriptedLLM() as server:
        settings = settings_for(tmp_path, server.base_url, price_prompt=1.0, price_completion=2.0)
        job_id, summary = run_job(store, settings, llm="scripted", budget=15)
    designs = store.designs.of_job(job_id)
    assert shares(designs) == {
        0: Counter(llm=5),
        1: Counter(llm=1, gp=4),
        2: Counter(llm=1, gp=4),
    }
    # The LLM's design comes first, so that the GP knows it.
    assert [design.proposer for design in designs[5:]] == ["llm", "gp", "gp", "gp", "gp"] * 2
    assert summary.state is JobState.FINISHED
    assert (summary.simulations, summary.rounds) == (15, 2)
    turns = store.transcripts.of_job(job_id)
    assert [(turn.accepted, turn.failure) for turn in turns] == [(5, None), (1, None), (1, None)]
    assert summary.llm.calls == len(server.requests) == 3
    assert summary.llm.cost > 0
    assert summary.llm.accepted == 7
    shown = turns[1].messages[-1].content
    best = max(designs[:5], key=lambda design: (design.feasible, design.fom or 0.0))
    assert all(name in shown for name in best.values)
    assert turns[0].prompt_version == PROMPT_VERSION


MISBEHAVIOUR: dict[str, Step] = {
    "bad JSON": llm.bad_json,
    "a duplicate": llm.duplicate,
    "an empty answer": llm.empty,
    "a cut answer": llm.truncated,
    "HTML": llm.html,
    "another encoding": llm.not_utf8,
    "32 MB": llm.huge(),
    "429": llm.rate_limited(),
    "500": llm.server_error,
    "a reset": llm.reset,
    "silence": llm.hang,
    "a drip": llm.drip,
    "401": llm.status(401, "wrong key"),
}


@pytest.mark.parametrize("case", MISBEHAVIOUR)
def test_a_misbehaving_llm_never_stops_a_job(case: str, tmp_path: Path) -> None:
    with (
        Store.open(f"sqlite:///{tmp_path}/designs.db") as store,
        ScriptedLLM([llm.good, MISBEHAVIOUR[case], MISBEHAVIOUR[case]]) as server,
    ):
        job_id, summary = run_job(store, settings_for(tmp_path, server.base_url), llm="scripted")
        designs = store.designs.of_job(job_id)
        turns = store.transcripts.of_job(job_id)
    assert summary.state is JobState.FINISHED
    assert len(designs) == BUDGET
    # Whatever the LLM did not give in round 1 is the GP's.
    assert sum(shares(designs)[1].values()) == 5
    assert shares(designs)[1]["gp"] >= 4
    assert len(turns) >= 2
    assert turns[1].failure is not None or turns[1].rejected
    if turns[-1].failure is not None:
        assert "turns failed" in summary.message
        assert str(turns[-1].failure) in summary.message


def test_an_llm_of_which_nothing_could_be_used_is_named(store: Store, tmp_path: Path) -> None:
    with ScriptedLLM([llm.text("I would rather not.")]) as server:
        settings = settings_for(tmp_path, server.base_url, timeout=30)
        job_id, summary = run_job(store, settings, llm="scripted")
    turns = store.transcripts.of_job(job_id)
    assert [turn.failure or turn.accepted for turn in turns] == [0] * len(turns)
    replies = "1 reply" if len(turns) == 1 else f"{len(turns)} replies"
    assert f"LLM scripted: no design that could be simulated in {replies} (" in summary.message
    assert turns[-1].rejected[-1][:200] in summary.message
    assert "the GP took their slots" in summary.message


def test_out_of_range_values_are_held_in_range(store: Store, tmp_path: Path) -> None:
    with ScriptedLLM([llm.out_of_range]) as server:
        job_id, summary = run_job(store, settings_for(tmp_path, server.base_url), llm="scripted")
    assert summary.state is JobState.FINISHED
    circuit = store.circuits.latest("two_stage_amplifier").definition
    for design in store.designs.of_job(job_id):
        assert circuit.snap(design.values) == design.values


def test_an_llm_that_fails_from_the_start_costs_the_job_nothing(
    store: Store, tmp_path: Path
) -> None:
    with ScriptedLLM([llm.server_error]) as server:
        settings = settings_for(tmp_path, server.base_url, retries=0)
        job_id, summary = run_job(store, settings, llm="scripted", budget=60, objective="fom")
        asked = len(server.requests)
    assert summary.simulations == 60
    assert shares(store.designs.of_job(job_id))[0] == Counter(sobol=5)
    # Eleven rounds and the start: after three failures it is asked less and less often.
    assert asked < 8


def test_the_llm_method_asks_for_whole_batches(store: Store, tmp_path: Path) -> None:
    with ScriptedLLM() as server:
        settings = settings_for(tmp_path, server.base_url)
        job_id, _ = run_job(store, settings, llm="scripted", method=Method.LLM)
    assert shares(store.designs.of_job(job_id)) == {0: Counter(llm=5), 1: Counter(llm=5)}


def test_credit_is_given_and_refusals_are_counted(store: Store, tmp_path: Path) -> None:
    script = [llm.good, llm.good, llm.duplicate]
    with ScriptedLLM(script) as server:
        settings = settings_for(tmp_path, server.base_url)
        job_id, summary = run_job(store, settings, llm="scripted", budget=15)
    designs = store.designs.of_job(job_id)
    by_name = {one.proposer: one for one in summary.credit.proposers}
    assert {name: one.simulated for name, one in by_name.items()} == Counter(
        design.proposer for design in designs
    )
    assert by_name["llm"].rejected == summary.llm.rejected > 0
    assert by_name["llm"].proposed == by_name["llm"].accepted + summary.llm.rejected
    assert summary.best is not None
    assert summary.credit.best_by == designs[summary.best.index].proposer


def test_the_llm_budget_ends_calls_not_jobs(store: Store, tmp_path: Path) -> None:
    with ScriptedLLM() as server:
        settings = settings_for(tmp_path, server.base_url, max_calls=1)
        job_id, summary = run_job(store, settings, llm="scripted", budget=15)
        assert len(server.requests) == 1
    assert summary.simulations == 15
    assert store.transcripts.of_job(job_id)[1].failure == "budget"


def test_without_a_profile_ado_llm_is_gp_bo_and_says_so(store: Store, tmp_path: Path) -> None:
    job_id, summary = run_job(store, settings_for(tmp_path), method=Method.ADO_LLM)
    assert summary.message == NO_LLM
    assert shares(store.designs.of_job(job_id)) == {0: Counter(random=5), 1: Counter(gp=5)}


def test_a_resumed_job_repeats_no_llm_call_and_no_design(store: Store, tmp_path: Path) -> None:
    with ScriptedLLM() as server:
        settings = settings_for(tmp_path, server.base_url)
        # The scripted model never says the same twice: the share must not follow from what it says.
        whole, _ = run_job(store, settings, llm="scripted", budget=15, llm_share="fixed")
        calls = len(server.requests)
        config = JobConfig(budget=15, llm="scripted", llm_share=LlmShare.FIXED)
        job, _ = submit(store, settings, "two_stage_amplifier", config)
        # Runners that give up at the second stage they find work in, until the job is done.
        runners = 0
        while store.jobs.get(job.id).state is JobState.QUEUED:
            lease = store.leases.claim("flaky", 30, job.id)
            assert lease is not None
            Runner(store, settings, drain=_after(1)).run(lease)
            runners += 1
        assert runners > 3
        assert len(server.requests) > calls
    again = store.designs.of_job(job.id)
    assert [design.index for design in again] == list(range(15))
    assert all(design.state is DesignState.DONE for design in again)
    turns = store.transcripts.of_job(job.id)
    assert [turn.turn for turn in turns] == sorted({turn.turn for turn in turns})
    assert sum(turn.calls for turn in turns) == len(server.requests) - calls
    assert shares(again) == shares(store.designs.of_job(whole))


def _want_at_seventh(store: Store, job_id: str, wanted: WantedState, calls: Iterator[int]) -> None:
    if next(calls) == 7:
        store.jobs.set_wanted_state(job_id, wanted)


def test_cancel_and_pause_are_honoured(store: Store, tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    for wanted, state in (
        (WantedState.PAUSE, JobState.PAUSED),
        (WantedState.CANCEL, JobState.CANCELLED),
    ):
        config = JobConfig(budget=1000, method=Method.RANDOM, stop_when_feasible=False)
        job, _ = submit(store, settings, "two_stage_amplifier", config)
        lease = store.leases.claim("test", 30, job.id)
        assert lease is not None
        calls = iter(range(10_000))

        ask = partial(_want_at_seventh, store, job.id, wanted, calls)
        Runner(store, settings).run(lease, ask)
        done = store.jobs.get(job.id)
        assert done.state is state
        assert 0 < done.simulations < 20


def test_a_lost_lease_leaves_the_job_to_the_new_owner(store: Store, tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    job, _ = submit(
        store,
        settings,
        "two_stage_amplifier",
        JobConfig(budget=20, method=Method.RANDOM, stop_when_feasible=False),
    )
    stale = store.leases.claim("stale", 0.01, job.id)
    assert stale is not None
    fresh = None
    while fresh is None:
        fresh = store.leases.claim("fresh", 30, job.id)
    Runner(store, settings).run(stale)
    assert store.jobs.get(job.id).simulations == 0
    with pytest.raises(LeaseLost):
        store.leases.renew(stale, 30)
    with LeaseKeeper(store.leases, fresh, 30):
        Runner(store, settings).run(fresh)
    assert store.jobs.get(job.id).state is JobState.FINISHED


def test_a_worker_runs_what_is_queued_and_drains(store: Store, tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    worker = Worker(store, settings)
    worker.start()
    config = JobConfig(budget=8, method=Method.RANDOM)
    job, _ = submit(store, settings, "two_stage_amplifier", config)
    wait_for_the_end(store, worker, job.id)
    assert store.jobs.get(job.id).state is JobState.FINISHED
    long_job, _ = submit(
        store,
        settings,
        "two_stage_amplifier",
        JobConfig(budget=100_000, method=Method.RANDOM, stop_when_feasible=False),
    )
    while store.jobs.get(long_job.id).simulations < 10:
        worker.wait(0.05)
    assert worker.stop(timeout=20)
    assert store.jobs.get(long_job.id).state is JobState.QUEUED


def test_a_replayed_job_is_the_same_bit_for_bit_without_a_model(
    store: Store, tmp_path: Path
) -> None:
    script = [llm.good, llm.bad_json, llm.bad_json, llm.good]
    with ScriptedLLM(script) as server:
        settings = settings_for(tmp_path, server.base_url)
        said, _ = run_job(store, settings, llm="scripted", budget=15)
    again, summary = run_job(store, settings_for(tmp_path), replay=said, budget=15)
    first, second = store.designs.of_job(said), store.designs.of_job(again)
    assert [(one.stage, one.values, one.metrics, one.fom) for one in first] == [
        (one.stage, one.values, one.metrics, one.fom) for one in second
    ]
    assert summary.llm.calls == summary.llm.tokens == 0
    assert [turn.reply for turn in store.transcripts.of_job(said)] == [
        turn.reply for turn in store.transcripts.of_job(again)
    ]
    longer, more = run_job(store, settings_for(tmp_path), replay=said, budget=20)
    assert more.simulations == 20
    last = store.transcripts.of_job(longer)[-1]
    assert (last.failure, last.detail) == ("refused", "the replayed job has no turn 30")


def test_a_runner_without_the_profile_goes_on_with_the_same_designs(
    store: Store, tmp_path: Path
) -> None:
    with ScriptedLLM() as server:
        settings = settings_for(tmp_path, server.base_url)
        config = JobConfig(budget=15, llm="scripted")
        job, _ = submit(store, settings, "two_stage_amplifier", config)
        lease = store.leases.claim("with", 30, job.id)
        assert lease is not None
        Runner(store, settings, drain=_after(2)).run(lease)
    before = store.designs.of_job(job.id)
    assert 0 < len(before) < 15
    lease = store.leases.claim("without", 30, job.id)
    assert lease is not None
    Runner(store, settings_for(tmp_path)).run(lease)
    done = store.jobs.get(job.id)
    assert (done.state, done.simulations) == (JobState.FINISHED, 15)
    assert "goes on without an LLM" in done.message
    after = store.designs.of_job(job.id)
    assert [one.values for one in after[: len(before)]] == [one.values for one in before]
    assert len(after) == 15


def _after(stages: int) -> Callable[[], bool]:
    """True from the loop's n-th question on; the stop watch asks from its own thread."""
    asked = iter(range(10_000))

    def drain() -> bool:
        return threading.current_thread().name != "stop-watch" and next(asked) >= stages

    return drain


def test_a_hanging_simulation_is_ended_when_the_job_is_cancelled(
    store: Store, tmp_path: Path
) -> None:
    slow = load_circuit("hysteresis_comparator")
    ramp = slow.files["ramp.cir"].replace(".tran 20n 20u", ".tran 1p 20u 0 1p")
    slow = slow.model_copy(update={"name": "slow", "files": slow.files | {"ramp.cir": ramp}})
    settings = settings_for(tmp_path)
    config = JobConfig(method=Method.RANDOM, time_limit=600)
    job, _ = submit(store, settings, slow, config)
    worker = Worker(store, settings)
    worker.start()
    while store.jobs.get(job.id).state is not JobState.RUNNING:
        worker.wait(0.05)
    worker.wait(1.0)
    store.jobs.set_wanted_state(job.id, WantedState.CANCEL)
    wait_for_the_end(store, worker, job.id, seconds=10)
    assert store.jobs.get(job.id).state is JobState.CANCELLED
    assert worker.stop(10)


def test_a_machine_without_ngspice_hands_the_job_back(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(tmp_path)
    config = JobConfig(budget=6, method=Method.RANDOM)
    job, _ = submit(store, settings, "two_stage_amplifier", config)
    with monkeypatch.context() as patch:
        patch.setenv("ADO_LIBNGSPICE", "/nonexistent.so")
        lease = store.leases.claim("bare", 30, job.id)
        assert lease is not None
        fault = Runner(store, settings).run(lease)
    assert fault is not None
    assert "ADO_LIBNGSPICE" in fault
    waiting = store.jobs.get(job.id)
    assert (waiting.state, waiting.simulations) == (JobState.QUEUED, 0)
    assert "libngspice" in waiting.message
    lease = store.leases.claim("whole", 30, job.id)
    assert lease is not None
    assert Runner(store, settings).run(lease) is None
    assert store.jobs.get(job.id).state is JobState.FINISHED


def test_a_netlist_that_ngspice_refuses_fails_the_job_at_once(store: Store, tmp_path: Path) -> None:
    sound = load_circuit("two_stage_amplifier")
    text = sound.files["amplifier.cir"].replace("{r1}", "{r1} zork=1")
    broken = sound.model_copy(
        update={"name": "broken", "files": sound.files | {"amplifier.cir": text}}
    )
    settings = settings_for(tmp_path)
    job, _ = submit(store, settings, broken, JobConfig(method=Method.RANDOM))
    lease = store.leases.claim("test", 30, job.id)
    assert lease is not None
    Runner(store, settings).run(lease)
    done = store.jobs.get(job.id)
    assert (done.state, done.simulations) == (JobState.FAILED, 0)
    assert "amplifier.cir:13" in done.message


def test_a_worker_outlives_an_unexpected_error(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(tmp_path)
    claim = store.leases.claim
    fails = iter([True, True])

    def flaky(*arguments: Any, **named: Any) -> Lease | None:
        if next(fails, False):
            raise ZeroDivisionError("nobody expects it")
        return claim(*arguments, **named)

    monkeypatch.setattr(store.leases, "claim", flaky)
    worker = Worker(store, settings)
    worker.start()
    config = JobConfig(budget=5, method=Method.RANDOM)
    job, _ = submit(store, settings, "two_stage_amplifier", config)
    wait_for_the_end(store, worker, job.id)
    assert store.jobs.get(job.id).state is JobState.FINISHED
    assert worker.stop(10)
