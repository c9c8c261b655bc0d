"""What gating saves over PVT corners: gp-bo jobs of the library circuits in five corners.

`gating-decks/CIRCUIT`: ours are designs per ngspice deck of jobs that are gated by their specs, the
peer's those of jobs of the same seeds that simulate everything. `detail` counts in how many jobs a
design met every spec in every corner, gated and not. The library's specs hold at 25 C and 2.0 V;
over corners they are loosened to what some designs reach.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from ado_service.job_config import JobConfig, Method
from ado_service.ledger import MemoryLedger
from ado_service.loop import Loop
from ado_service.proposers.gp import GPProposer
from ado_service.proposers.protocol import History
from ado_service.stages import Stages
from benchmarks.report import Row, parser, ratio_row, report
from circuits.definition import Circuit, Corner
from circuits.loader import load_circuit
from circuits.objective import Mode, Objective
from circuits.spec import Spec, SpecSet
from simulators.gating import Gate
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.protocol import Values
from simulators.result import SimulationResult

LIMITS = {
    "two_stage_amplifier": {"gain": 40.0, "cmrr": 50.0, "pm": 45.0, "power": 150e-6},
    "hysteresis_comparator": {"gain": 40.0, "hysteresis": 0.4, "offset": 0.03, "power": 300e-6},
}
"""Thresholds over corners, in the metrics' units; other specs keep the library's."""
_BUDGET = 60
_SEEDS = 10


class CountingSimulator(NgspiceSimulator):
    """Counts the decks that ngspice got."""

    counted = 0

    def stream(self, designs: Sequence[Values]) -> Iterator[tuple[int, SimulationResult]]:
        """See `NgspiceSimulator`."""
        for place, result in super().stream(designs):
            measured = [corner.measures for corner in result.corners.values()]
            assert measured, result.message
            parts = sum("/" in name for name in result.skipped)
            self.counted += len(measured) * len(self.circuit.testbenches) - parts
            yield place, result

    def __init__(self, circuit: Circuit, gate: Gate | None) -> None:
        super().__init__(circuit, gate=gate)
        self.circuit: Circuit = circuit


def pvt(name: str) -> Circuit:
    """The library circuit in five corners: supply 2.0 V, 1.8 V and 2.2 V at -40 C and 125 C."""
    circuit = load_circuit(name)
    files = {
        file: text.replace(".dc vdd 2.0 2.0 1", ".dc vdd {vdd} {vdd} 1")
        for file, text in circuit.files.items()
    }
    corners = [Corner()] + [
        Corner(name=f"{heat}_{level}", temperature=celsius, parameters={"vdd": volts})
        for heat, celsius in (("cold", -40.0), ("hot", 125.0))
        for level, volts in (("low", 1.8), ("high", 2.2))
    ]
    specs = SpecSet(name="pvt", specs=tuple(_loose(name, spec) for spec in circuit.specs()))
    changes = {"files": files, "corners": tuple(corners), "spec_sets": (specs,)}
    return circuit.model_copy(update=changes)


def _loose(name: str, spec: Spec) -> Spec:
    threshold = LIMITS[name].get(spec.metric)
    if threshold is None:
        return spec
    norm = threshold if spec.metric in {"power", "hysteresis", "offset", "pm"} else spec.norm
    return Spec.model_validate(spec.model_dump() | {"threshold": threshold, "norm": norm})


def main() -> None:
    """Run each job twice and print what gating saves."""
    options = parser(__doc__ or "").parse_args()
    started = time.monotonic()
    seeds, budget = (1, 10) if options.quick else (_SEEDS, _BUDGET)
    report([_row(name, seeds, budget) for name in LIMITS], options, started)


def _row(name: str, seeds: int, budget: int) -> Row:
    circuit = pvt(name)
    gated = [_job(circuit, Gate(circuit.specs()), seed, budget) for seed in range(1, seeds + 1)]
    plain = [_job(circuit, None, seed, budget) for seed in range(1, seeds + 1)]
    return ratio_row(
        f"gating-decks/{name}",
        [budget / decks for decks, _, _ in gated],
        [budget / decks for decks, _, _ in plain],
        peer_name="everything",
        unit="designs per deck",
        goal=None,
        detail={
            "decks": [decks for decks, _, _ in gated],
            "decks_of_everything": [decks for decks, _, _ in plain],
            "simulate_seconds": round(sum(seconds for _, seconds, _ in gated), 1),
            "simulate_seconds_of_everything": round(sum(seconds for _, seconds, _ in plain), 1),
            "jobs_with_all_specs": sum(_feasible(history) for _, _, history in gated),
            "jobs_with_all_specs_of_everything": sum(_feasible(history) for _, _, history in plain),
        },
    )


def _feasible(history: History) -> bool:
    return history.best is not None and history.best.verdict.feasible


def _job(circuit: Circuit, gate: Gate | None, seed: int, budget: int) -> tuple[int, float, History]:
    """Decks, seconds of simulation, and the history of a job."""
    config = JobConfig(objective=Objective(Mode.FOM), budget=budget, method=Method.GP_BO, seed=seed)
    stages, ledger = Stages(config, GPProposer(), None), MemoryLedger()
    with CountingSimulator(circuit, gate) as simulator:
        history = Loop(circuit, config, circuit.specs(), stages, simulator, ledger).run()
        seconds = sum(
            float(data["simulate_seconds"]) for kind, data in ledger.events if kind == "round"
        )
        return simulator.counted, seconds, history


if __name__ == "__main__":
    main()
