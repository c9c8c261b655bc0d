"""Evaluations per second: ours against a fresh `ngspice -b` per evaluation, side by side.

An evaluation is one design of the two-stage amplifier: both testbenches, op + ac, one core.
`generic-op-ac`: ours is one host of the pool; the peer starts `ngspice -b` for each testbench of
each design on the exported netlist, its files written beforehand and not counted.
`generic-op-ac/best-case`: the peer is charged for the dearer of the two testbenches only, as if a
user had put both into one deck at no cost.
`two-cores`: a pool of two hosts against one of one.
`memory-10000`: resident memory of a host after 500 evaluations over that after 10,000 (2,000 when
quick), and whether the last results equal the first bit for bit.
"""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import Row, parser, ratio_row, report
from circuits.definition import Circuit
from circuits.loader import load_circuit
from simulators.ngspice.export import sized_netlists
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.result import FailureKind

_SIMILAR = 0.1
# A design without a unity-gain frequency costs both sides the same.
_FAIR = {None, FailureKind.MEASURE_FAILED}


def main() -> None:
    """Measure and print."""
    options = parser(__doc__ or "").parse_args()
    started = time.monotonic()
    circuit = load_circuit("two_stage_amplifier")
    repeats, designs = (3, 40) if options.quick else (9, 150)
    rows = [
        *_against_batch(circuit, repeats, designs),
        _two_cores(circuit, repeats, designs * 6),
        _memory(circuit, 2_000 if options.quick else 10_000),
    ]
    report(rows, options, started)


def sample(circuit: Circuit, count: int, seed: int) -> list[dict[str, float]]:
    """Designs near the netlist's own: each variable within 10% of the axis around it."""
    from simulators.check import starting_design

    rng = random.Random(seed)  # noqa: S311 - a sample, no secret
    centre = circuit.to_unit(starting_design(circuit))
    return [
        circuit.from_unit([part + rng.uniform(-_SIMILAR, _SIMILAR) for part in centre])
        for _ in range(count)
    ]


def _against_batch(circuit: Circuit, repeats: int, designs: int) -> list[Row]:
    ours: list[float] = []
    each: list[float] = []
    first: list[float] = []
    with NgspiceSimulator(circuit, processes=1) as simulator:
        simulator.run(sample(circuit, 20, 0))
        for repeat in range(repeats):
            values = sample(circuit, designs, repeat + 1)
            clock = time.perf_counter()
            results = simulator.run(values)
            ours.append(designs / (time.perf_counter() - clock))
            if any(result.failure not in _FAIR for result in results):
                raise RuntimeError("a design was not simulated; the comparison would not be fair")
            fresh = designs // 3
            seconds = _batch_seconds(circuit, values[:fresh])
            each.append(fresh / sum(seconds))
            first.append(fresh / max(seconds))
    return [
        ratio_row(
            "generic-op-ac", ours, each,
            peer_name="ngspice -b, one a testbench", unit="evaluations/s", goal=3.0,
        ),
        ratio_row(
            "generic-op-ac/best-case", ours, first,
            peer_name="ngspice -b, dearer testbench alone", unit="evaluations/s", goal=None,
        ),
    ]  # fmt: skip


def _batch_seconds(circuit: Circuit, values: Sequence[dict[str, float]]) -> list[float]:
    """Seconds of `ngspice -b` over all `values`, by testbench; writing the files is not counted."""
    seconds = [0.0 for _ in circuit.testbenches]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1"}
    with tempfile.TemporaryDirectory() as folder:
        for design in values:
            for place, (name, text) in enumerate(sized_netlists(circuit, design).items()):
                path = Path(folder) / name
                path.write_text(text, encoding="utf-8")
                clock = time.perf_counter()
                said = subprocess.run(
                    ["ngspice", "-b", str(path)],  # noqa: S607 - the user's own ngspice
                    capture_output=True, text=True, env=environment, check=True,
                )  # fmt: skip
                seconds[place] += time.perf_counter() - clock
                if "gain " not in said.stdout:
                    raise RuntimeError(f"the peer measured nothing: {said.stdout[-500:]}")
    return seconds


def _two_cores(circuit: Circuit, repeats: int, designs: int) -> Row:
    rates: dict[int, list[float]] = {1: [], 2: []}
    with (
        NgspiceSimulator(circuit, processes=1) as one,
        NgspiceSimulator(circuit, processes=2) as two,
    ):
        pools = {1: one, 2: two}
        for pool in pools.values():
            pool.run(sample(circuit, 20, 0))
        for repeat in range(repeats):
            values = sample(circuit, designs, 100 + repeat)
            for count, pool in pools.items():
                clock = time.perf_counter()
                pool.run(values)
                rates[count].append(designs / (time.perf_counter() - clock))
    return ratio_row(
        "two-cores", rates[2], rates[1], peer_name="one core", unit="evaluations/s", goal=None
    )


def _memory(circuit: Circuit, designs: int) -> Row:
    """Resident memory early over late, and the last result against the first, bit for bit."""
    values = sample(circuit, 500, 7)
    with NgspiceSimulator(circuit, processes=1) as simulator:
        first = simulator.run(values)
        early = _resident(simulator.host_pids()[0])
        for _ in range(designs // len(values) - 1):
            last = simulator.run(values)
        late = _resident(simulator.host_pids()[0])
    same = all(old.corners == new.corners for old, new in zip(first, last, strict=True))
    return Row(
        name="memory-10000", ours=late, peer=early, peer_name="after 500 evaluations", unit="MiB",
        ratio=early / late, goal=1 / 1.2, holds=early / late >= 1 / 1.2 and same, n=designs,
        low=None, high=None, detail={"last_equals_first": same},
    )  # fmt: skip


def _resident(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
