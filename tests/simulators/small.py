"""A circuit made of one netlist, for tests of what netlists may say and what becomes of them."""

from __future__ import annotations

from typing import Any

from circuits.definition import Circuit, Corner, Metric, Testbench
from circuits.errors import Finding
from circuits.spec import Direction, Spec, SpecSet
from circuits.variable import Variable
from simulators.netlist.card import read_cards
from simulators.netlist.rules import check_cards

DIVIDER = """* divider
v1 in 0 dc 2 ac 1
r1 in out {r}
r2 out 0 1k
.op
.ac lin 1 1 1
.meas ac gain max vm(out)
"""
SLOW = """* a step of a femtosecond over a second
v1 in 0 sin(0 1 1g)
r1 in out {r}
c1 out 0 1p
.tran 1f 1
.meas tran gain max v(out)
"""
"""A transient that takes for ever."""


def circuit(
    *netlists: str,
    metrics: dict[str, str] | None = None,
    files: dict[str, str] | None = None,
    **fields: Any,
) -> Circuit:
    """Testbenches `b0`, `b1`, ... of these netlists, one variable `r` of 1 to 10 kOhm."""
    found = metrics or {"gain": ""}
    given: dict[str, Any] = {
        "name": "small",
        "title": "A small circuit",
        "variables": (Variable(name="r", unit="Ohm", low=1e3, high=1e4),),
        "testbenches": tuple(
            Testbench(name=f"b{place}", netlist=f"b{place}.cir") for place in range(len(netlists))
        ),
        "metrics": tuple(Metric(name=name, expression=text) for name, text in found.items()),
        "spec_sets": (SpecSet(name="one", specs=(spec(next(iter(found))),)),),
        "corners": (Corner(),),
        "files": {f"b{place}.cir": text for place, text in enumerate(netlists)} | (files or {}),
    }
    return Circuit.model_validate(given | fields)


def spec(metric: str) -> Spec:
    """A spec that wants more than nothing of a metric."""
    return Spec(metric=metric, direction=Direction.ABOVE, threshold=0, norm=1, weight=1, penalty=-1)


def findings(*lines: str) -> list[Finding]:
    """What is wrong with a netlist of a title and these lines; the first of them is line 2."""
    return check_cards(read_cards({"b.cir": "\n".join(["* title", *lines])}, "b.cir"))
