"""Evaluations per second: ours against a fresh `ngspice -b` per evaluation, side by side.

An evaluation is one design, all its testbenches in the nominal corner, on one core:
`generic-op-ac`: the two-stage amplifier on the generic card, two testbenches, op + ac.
`sky130-op-ac`: the two-stage amplifier in sky130, its open-loop testbench, op + ac.
`sky130-tran`: the same with its transient testbench.
Ours is one host of the pool; the peer starts `ngspice -b` for each testbench of each design on the
exported netlist, with the PDK's own library; its files are written beforehand and not counted.
`generic-op-ac/best-case`: the peer is charged for the dearer of two testbenches only, as if a user
had put both into one deck at no cost.
`.../floor`: what ngspice's analyses alone take, on a loaded circuit, over all of ours.
`sky130-op-ac/fast`: the fast mode, which alters a loaded circuit, against reloading.
`two-cores`: a pool of two hosts against one of one.
`memory-10000`: resident memory of a host after 500 evaluations over that after 10,000 (1,500 when
quick), and whether the last results equal the first bit for bit.
`reload-equals-batch`: share of designs whose measures equal a fresh `ngspice -b` bit for bit.
`sky130-flattened`: largest relative difference of a metric between our flattened deck and the
PDK's own library over random designs in five corners, against 1e-6.
`hostile-corpus`, `hang-killed`, `crash-to-next`: see `benchmarks.containment`.
"""

from __future__ import annotations

import time

from benchmarks.containment import containment
from benchmarks.equality import flattened_equals_library, reload_equals_batch
from benchmarks.fast import fast_mode
from benchmarks.pool import memory, two_cores
from benchmarks.report import parser, report
from benchmarks.speed import against_batch
from circuits.definition import Circuit
from circuits.loader import load_circuit


def main() -> None:
    """Measure and print."""
    options = parser(__doc__ or "").parse_args()
    started = time.monotonic()
    quick = options.quick
    generic = load_circuit("two_stage_amplifier")
    sky130 = nominal(load_circuit("sky130_two_stage_amplifier"))
    op_ac = with_testbenches(sky130, ("open_loop",))
    rows = [
        *against_batch("generic-op-ac", generic, quick=quick, goal=4.0, floor=None),
        *against_batch("sky130-op-ac", op_ac, quick=quick, goal=100.0, floor=1 / 4),
        *against_batch("sky130-tran", sky130, quick=quick, goal=15.0, floor=1 / 1.6),
        fast_mode("sky130-op-ac/fast", op_ac, quick=quick),
        two_cores(generic, quick=quick),
        memory(generic, 1_500 if quick else 10_000),
        reload_equals_batch(generic, op_ac, quick=quick),
        flattened_equals_library(load_circuit("sky130_two_stage_amplifier"), quick=quick),
        *containment(quick=quick),
    ]
    report(rows, options, started)


def nominal(circuit: Circuit) -> Circuit:
    """The circuit in its first corner only."""
    return circuit.model_copy(update={"corners": circuit.corners[:1]})


def with_testbenches(circuit: Circuit, names: tuple[str, ...]) -> Circuit:
    """The circuit with some of its testbenches, and the metrics that these give."""
    benches = tuple(bench for bench in circuit.testbenches if bench.name in names)
    measured = "gain gbw pm".split()
    metrics = tuple(metric for metric in circuit.metrics if metric.name in measured)
    return circuit.model_copy(update={"testbenches": benches, "metrics": metrics})


if __name__ == "__main__":
    main()
