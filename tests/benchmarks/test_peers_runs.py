"""Runs, their records, and when a record still stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ado_service.job_config import JobConfig, Method, Start
from ado_service.ledger import MemoryLedger
from ado_service.loop import Loop
from ado_service.proposers.gp import GPProposer
from ado_service.stages import Stages
from benchmarks.peer_methods.protocol import Point, Task, Trial
from benchmarks.peer_methods.registry import METHODS
from benchmarks.peer_runs import fingerprint as stamp
from benchmarks.peer_runs.campaign import Campaign
from benchmarks.peer_runs.contest import Contest, initial_points
from benchmarks.peer_runs.record import Record, Step
from benchmarks.peer_runs.store import Records
from circuits.loader import load_circuit
from tests.benchmarks.peers_toy import TOP, ToySimulator, toy

RECORD = Record(
    circuit="toy", method="random", seed=1, budget=105, full=False, simulations=8,
    first_feasible=7, steps=(Step(1, -1.0, 1), Step(6, 0.5, 2)), rounds=1, propose_seconds=0.5,
    seconds=1.0, fingerprint="a", provenance={"commit": "c"},
)  # fmt: skip


class Scripted:
    """Suggests the same point, or what `suggest` is replaced by."""

    def __init__(self, task: Task, *, fails: bool = False) -> None:
        self.task = task
        self.fails = fails
        self.told: list[int] = []

    def suggest(self, n: int) -> list[Point]:
        if self.fails:
            raise RuntimeError("cannot")
        return [(TOP,) * self.task.dimension] * n

    def tell(self, trials: Sequence[Trial]) -> None:
        self.told.append(len(trials))


def test_every_method_starts_from_the_same_designs() -> None:
    starts = []
    for name in ("random", "sobol", "turbo-1"):
        simulator = ToySimulator()
        Contest(Task(toy(), 4), METHODS[name].make, simulator, 5).run("toy", name)
        starts.append(simulator.measured)
    assert starts[0] == starts[1] == starts[2]
    assert initial_points(Task(toy(), 4)) != initial_points(Task(toy(), 5))


def test_a_run_ends_with_the_batch_that_meets_all_specs() -> None:
    task = Task(toy(limit=-0.001), 1)
    record = Contest(task, Scripted, ToySimulator(), 30).run("toy", "scripted")
    assert (record.first_feasible, record.simulations, record.rounds) == (6, 10, 1)
    assert record.to_specs == 6
    full = Contest(task, Scripted, ToySimulator(), 28, full=True).run("toy", "scripted")
    assert (full.first_feasible, full.simulations) == (6, 28)


def test_a_run_that_never_gets_there_counts_as_its_budget() -> None:
    record = Contest(Task(toy(), 1), Scripted, ToySimulator(), 17).run("toy", "scripted")
    assert (record.first_feasible, record.simulations, record.to_specs) == (None, 17, 17)
    assert not record.feasible_by(17)


def test_what_a_method_raises_goes_on_record_and_the_run_goes_on() -> None:
    simulator = ToySimulator()
    contest = Contest(Task(toy(), 1), lambda task: Scripted(task, fails=True), simulator, 15)
    record = contest.run("toy", "scripted")
    assert record.faults == ("RuntimeError: cannot",)
    assert record.simulations == 15
    assert len({tuple(design.values()) for design in simulator.measured}) == 15


def test_gp_bo_is_the_job_of_the_same_seed() -> None:
    circuit, ours, jobs = toy(), ToySimulator(), ToySimulator()
    Contest(Task(circuit, 9), METHODS["gp-bo"].make, ours, 15).run("toy", "gp-bo")
    config = JobConfig(budget=15, seed=9, method=Method.GP_BO, start=Start.RANDOM)
    stages = Stages(config, GPProposer(), None)
    Loop(circuit, config, circuit.specs(), stages, jobs, MemoryLedger()).run()
    assert ours.measured == [pytest.approx(design) for design in jobs.measured]


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    records = Records(tmp_path / "deep")
    records.add(RECORD)
    records.add(replace(RECORD, seed=2))
    newer = replace(RECORD, faults=("x",), first_feasible=None)
    records.add(newer)
    assert records.all("toy", "random") == [newer, replace(RECORD, seed=2)]
    assert RECORD.best_fom(5) == -1.0
    assert RECORD.best_fom(105) == 0.5
    assert records.all("toy", "sobol") == []


def test_a_line_that_a_kill_cut_off_is_no_record(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.add(RECORD)
    file = tmp_path / "toy" / "random.jsonl"
    file.write_text(file.read_text() + file.read_text()[:40])
    assert records.all("toy", "random") == [RECORD]
    records.add(replace(RECORD, seed=2))
    assert records.all("toy", "random") == [RECORD, replace(RECORD, seed=2)]


def test_a_run_of_another_budget_replaces_nothing(tmp_path: Path) -> None:
    records = Records(tmp_path)
    for record in (RECORD, replace(RECORD, budget=50), replace(RECORD, seed=2, fingerprint="old")):
        records.add(record)
    records.tidy("toy", "random", RECORD.fingerprint)
    assert records.all("toy", "random") == [replace(RECORD, budget=50), RECORD]
    [standing] = records.valid("toy", "random", RECORD.fingerprint, RECORD.budget, full=False)
    assert standing == RECORD


@pytest.mark.parametrize(
    ("change", "stands"),
    [
        ({}, True),
        ({"fingerprint": "b"}, False),
        ({"budget": 50}, False),
        ({"full": True}, True),
    ],
)
def test_a_record_stands_for_what_it_was_made_for(
    tmp_path: Path, change: dict[str, object], stands: bool
) -> None:
    records = Records(tmp_path)
    records.add(replace(RECORD, **change))  # type: ignore[arg-type]
    assert bool(records.valid("toy", "random", "a", 105, full=False)) is stands
    assert bool(records.valid("toy", "random", "a", 105, full=True)) is (change == {"full": True})


def test_only_what_is_not_on_record_is_run(tmp_path: Path) -> None:
    name = "two_stage_amplifier"
    campaign = Campaign((name,), ("random", "sobol"), (1, 2), 20, full=False)
    records = Records(tmp_path)
    assert len(campaign.missing(records)) == 4
    key = stamp.fingerprint(METHODS["random"], Task(load_circuit(name), 0))
    done = replace(RECORD, circuit=name, seed=2, budget=20, fingerprint=key)
    records.add(done)
    records.add(replace(done, seed=1, fingerprint="older"))
    left = [(job.method, job.seed) for job in campaign.missing(records)]
    assert left == [("random", 1), ("sobol", 1), ("sobol", 2)]
    campaign.tidy(records)
    assert records.all(name, "random") == [done]
    campaign.forget(records)
    assert records.all(name, "random") == []


def test_the_fingerprint_follows_what_decides_a_run() -> None:
    task = Task(toy(), 1)
    key = stamp.fingerprint(METHODS["random"], task)
    assert stamp.fingerprint(METHODS["random"], replace(task, seed=2)) == key
    assert stamp.fingerprint(METHODS["cma-es"], task) != key
    assert stamp.fingerprint(METHODS["random"], replace(task, batch=4)) != key
    assert stamp.fingerprint(METHODS["random"], Task(toy(limit=0.5), 1)) != key
    reworded = task.circuit.model_copy(update={"about": "Other words."})
    assert stamp.fingerprint(METHODS["random"], replace(task, circuit=reworded)) == key


def test_words_do_not_change_a_source_hash_but_code_and_imported_code_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamp, "ROOT", tmp_path)
    package = tmp_path / "peers"
    package.mkdir()

    def hashed(main: str, helper: str) -> str:
        (package / "main.py").write_text(main)
        (package / "helper.py").write_text(helper)
        return stamp.source_hash(["peers.main"])

    main, helper = '"""Doc."""\nfrom peers.helper import x\n', "x = 1\n"
    first = hashed(main, helper)
    assert hashed('"""Other."""\n# why\nfrom peers.helper import x\n', helper) == first
    assert hashed(main + "y = 2\n", helper) != first
    assert hashed(main, "x = 2\n") != first
    (package / "part").mkdir()
    (package / "part" / "__init__.py").write_text("x = 1\n")
    with_part = hashed("from peers.part import x\n", helper)
    (package / "part" / "__init__.py").write_text("x = 2\n")
    assert hashed("from peers.part import x\n", helper) != with_part
