"""How hard the specs are: the share of Sobol samples of the design space that meets all of them.

`random-feasible/CIRCUIT`: ours is the share, the peer the 1% that it must stay well under.
"""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
from scipy.stats import qmc

from benchmarks.report import Row, parser, report
from circuits.fom import judge
from circuits.loader import load_circuit
from simulators.ngspice.simulator import NgspiceSimulator

CIRCUITS = {"two_stage_amplifier": 4096, "hysteresis_comparator": 2048}
_MOST = 0.01


def main() -> None:
    """Sample each library circuit and print how many designs meet how many specs."""
    options = parser(__doc__ or "").parse_args()
    started = time.monotonic()
    rows = [_row(name, 256 if options.quick else count) for name, count in CIRCUITS.items()]
    report(rows, options, started)


def _row(name: str, count: int) -> Row:
    circuit = load_circuit(name)
    engine = qmc.Sobol(len(circuit.variables), rng=np.random.default_rng(5))
    designs = [circuit.from_unit([float(part) for part in point]) for point in engine.random(count)]
    met: Counter[int] = Counter()
    with NgspiceSimulator(circuit) as simulator:
        for _, result in simulator.stream(designs):
            met[judge(result.metrics(), circuit.specs()).specs_met] += 1
    share = met[len(circuit.specs())] / count
    return Row(
        name=f"random-feasible/{name}", ours=share, peer=_MOST, peer_name="upper bound",
        unit="share", ratio=_MOST / share if share else None, goal=2.0,
        holds=share <= _MOST / 2, n=count, low=None, high=None,
        detail={"designs_by_specs_met": dict(sorted(met.items()))},
    )  # fmt: skip


if __name__ == "__main__":
    main()
