"""How hard the specs are: the share of Sobol samples of the design space that meets all of them.

`random-feasible/CIRCUIT`: ours is the share, the peer the 0.1% that it must not pass. The
circuits in sky130 need the PDK (`ado pdk install sky130`); `--circuits` leaves them out.
"""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
from scipy.stats import qmc

from benchmarks.report import Row, parser, report
from circuits.loader import load_circuit
from simulators.corners import verdict
from simulators.ngspice.simulator import NgspiceSimulator

CIRCUITS = {
    "two_stage_amplifier": 4096,
    "hysteresis_comparator": 2048,
    "five_transistor_ota": 2048,
    "folded_cascode_ota": 2048,
    "three_stage_amplifier": 2048,
    "low_dropout_regulator": 2048,
    "bandgap_reference": 2048,
    "strongarm_comparator": 2048,
    "sky130_two_stage_amplifier": 1024,
    "sky130_five_transistor_ota": 2048,
}
"""Library circuits and how many samples each gets; powers of two, as Sobol's sequence wants."""
_MOST = 0.001


def main() -> None:
    """Sample each library circuit and print how many designs meet how many specs."""
    given = parser(__doc__ or "")
    given.add_argument("--circuits", default=",".join(CIRCUITS), help="names, commas between them")
    options = given.parse_args()
    if unknown := set(options.circuits.split(",")) - set(CIRCUITS):
        given.error(f"no circuit of the library: {', '.join(sorted(unknown))}")
    started = time.monotonic()
    rows = [
        _row(name, 256 if options.quick else CIRCUITS[name]) for name in options.circuits.split(",")
    ]
    report(rows, options, started)


def _row(name: str, count: int) -> Row:
    circuit = load_circuit(name)
    engine = qmc.Sobol(len(circuit.variables), rng=np.random.default_rng(5))
    designs = [circuit.from_unit([float(part) for part in point]) for point in engine.random(count)]
    met: Counter[int] = Counter()
    with NgspiceSimulator(circuit) as simulator:
        for _, result in simulator.stream(designs):
            met[verdict(result, circuit.specs()).specs_met] += 1
    share = met[len(circuit.specs())] / count
    return Row(
        name=f"random-feasible/{name}", ours=share, peer=_MOST, peer_name="upper bound",
        unit="share", ratio=_MOST / share if share else None, goal=1.0,
        holds=share <= _MOST, n=count, low=None, high=None,
        detail={"designs_by_specs_met": dict(sorted(met.items()))},
    )  # fmt: skip


if __name__ == "__main__":
    main()
