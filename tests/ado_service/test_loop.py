"""The loop on real simulations: its order, its seeds, its end, and its resume."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from ado_service.job_config import JobConfig, Method, Start
from ado_service.ledger import Entry, MemoryLedger, Stopped
from ado_service.loop import Loop, derive_seed
from ado_service.proposers.gp import GPProposer
from ado_service.proposers.protocol import History, Observation
from ado_service.stages import Stages
from circuits.definition import Circuit
from circuits.loader import load_circuit
from circuits.spec import Spec
from circuits.variable import Scale
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.result import SimulationResult

BUDGET = 14


@pytest.fixture(scope="module")
def amplifier() -> Circuit:
    return load_circuit("two_stage_amplifier")


@pytest.fixture(scope="module")
def simulator(amplifier: Circuit) -> Iterator[NgspiceSimulator]:
    with NgspiceSimulator(amplifier, processes=2) as pool:
        yield pool


def size(
    circuit: Circuit,
    simulator: NgspiceSimulator,
    ledger: MemoryLedger,
    specs: tuple[Spec, ...] | None = None,
    **config: object,
) -> History:
    job = JobConfig.model_validate(
        {"budget": BUDGET, "method": Method.GP_BO, "batch": 4, "objective": "fom", **config}
    )
    stages = Stages(job, GPProposer(), None)
    return Loop(circuit, job, specs or circuit.specs(), stages, simulator, ledger).run()


def designs(ledger: MemoryLedger) -> list[tuple[int, str, dict[str, float], float]]:
    return [
        (entry.round, entry.stage, entry.proposal.values, entry.observation.verdict.fom)
        for entry in ledger.entries()
        if entry.observation is not None
    ]


@pytest.fixture(scope="module")
def undisturbed(amplifier: Circuit, simulator: NgspiceSimulator) -> MemoryLedger:
    ledger = MemoryLedger()
    size(amplifier, simulator, ledger)
    return ledger


def test_initial_designs_are_followed_by_rounds_up_to_the_budget(undisturbed: MemoryLedger) -> None:
    entries = undisturbed.entries()
    assert [entry.index for entry in entries] == list(range(BUDGET))
    assert [entry.round for entry in entries] == [0] * 5 + [1] * 4 + [2] * 4 + [3]
    assert [entry.stage for entry in entries] == ["random"] * 5 + ["gp"] * 9
    assert all(entry.observation is not None for entry in entries)


def test_rounds_are_told_with_a_best_fom_that_never_falls(undisturbed: MemoryLedger) -> None:
    told = [data for kind, data in undisturbed.events if kind == "round"]
    assert [data["simulations"] for data in told] == [5, 9, 13, 14]
    ranks = [(data["specs_met"] == 5, data["best_fom"]) for data in told]
    assert all(before <= after for before, after in pairwise(ranks))


def test_the_same_seed_gives_the_same_bits(
    amplifier: Circuit, simulator: NgspiceSimulator, undisturbed: MemoryLedger
) -> None:
    again, other = MemoryLedger(), MemoryLedger()
    size(amplifier, simulator, again)
    size(amplifier, simulator, other, seed=2, budget=5)
    assert designs(again) == designs(undisturbed)
    assert designs(other) != designs(undisturbed)[:5]


class CrashingLedger(MemoryLedger):
    """Dies at the n-th write, as a killed process does: before it is on record."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self._left = writes

    def _write(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt

    def add(self, *args: object) -> list[Entry]:  # type: ignore[override]
        self._write()
        return super().add(*args)  # type: ignore[arg-type]

    def finish(self, entry: Entry, result: SimulationResult, seen: Observation) -> None:
        self._write()
        super().finish(entry, result, seen)

    def revive(self) -> None:
        self._left = 10**9


@pytest.mark.parametrize("writes", [0, 1, 3, 6, 7, 9, 13])
def test_a_killed_job_goes_on_as_if_nothing_had_happened(
    amplifier: Circuit, simulator: NgspiceSimulator, undisturbed: MemoryLedger, writes: int
) -> None:
    ledger = CrashingLedger(writes)
    with pytest.raises(KeyboardInterrupt):
        size(amplifier, simulator, ledger)
    assert len(designs(ledger)) < BUDGET
    ledger.revive()
    size(amplifier, simulator, ledger)
    assert designs(ledger) == designs(undisturbed)


class StoppedLedger(MemoryLedger):
    """The user wants the job to end after the first round."""

    def check(self) -> None:
        if len(self.entries()) >= 9:
            raise Stopped("paused")


def test_a_stop_ends_the_loop_between_batches(
    amplifier: Circuit, simulator: NgspiceSimulator
) -> None:
    ledger = StoppedLedger()
    with pytest.raises(Stopped):
        size(amplifier, simulator, ledger, method=Method.RANDOM)
    assert len(designs(ledger)) == 9


def easy(specs: tuple[Spec, ...]) -> tuple[Spec, ...]:
    """Only the power spec, which most designs meet."""
    return tuple(spec for spec in specs if spec.metric == "power")


def test_it_can_stop_at_the_first_feasible_design(
    amplifier: Circuit, simulator: NgspiceSimulator
) -> None:
    ledger = MemoryLedger()
    history = size(
        amplifier, simulator, ledger, easy(amplifier.specs()), stop_when_feasible=True, budget=100
    )
    assert history.best is not None
    assert history.best.verdict.feasible
    assert len(history.observations) < 100


def test_a_used_up_design_space_ends_the_job(
    amplifier: Circuit, simulator: NgspiceSimulator
) -> None:
    def only(name: str, low: float, high: float) -> dict[str, object]:
        return {"name": name, "low": low, "high": high, "scale": Scale.INTEGER}

    # Two variables of two values each are four designs.
    tiny = Circuit.model_validate(
        amplifier.model_dump()
        | {
            "variables": [only("w1", 1, 2), only("l1", 1, 2)],
            "parameters": amplifier.parameters
            | {name: 1e-6 for name in amplifier.variable_names if name not in {"w1", "l1"}},
            "device_groups": [],
        }
    )
    ledger = MemoryLedger()
    with NgspiceSimulator(tiny, processes=1) as pool:
        history = size(tiny, pool, ledger, method=Method.RANDOM, start=Start.SOBOL)
    assert len(history.observations) == 4
    assert ledger.events[-1] == ("note", {"message": "no new design is left to try"})


def test_seeds_differ_by_round_and_stage() -> None:
    seeds = {derive_seed(s, r, n) for s in range(3) for r in range(20) for n in ("llm", "gp")}
    assert len(seeds) == 120
    assert all(0 <= seed < 2**63 for seed in seeds)
