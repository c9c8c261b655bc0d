"""The model card: smooth over the whole range, and what docs/circuits.md says of it."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator

import pytest

from circuits.definition import Circuit
from circuits.folder import LIBRARY, MODELS
from circuits.variable import Variable
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.result import DevicePoint
from tests.simulators.small import circuit

BENCH = """* a device of each polarity
.include models/generic90.mod
mn d1 g1 0 0 nch w={w} l={l}
mp d2 g2 0 0 pch w={w} l={l}
vd1 d1 0 {vds}
vg1 g1 0 {vgs}
vd2 d2 0 {-vds}
vg2 g2 0 {-vgs}
.op
.ac lin 1 1 1
.meas ac bias max vm(g1)
"""
WIDTHS = Variable(name="w", unit="m", low=0.09e-6, high=200e-6)
LENGTHS = Variable(name="l", unit="m", low=0.08e-6, high=1e-6)
STEPS = 150


def devices(vgs: float, vds: float) -> Circuit:
    return circuit(
        BENCH,
        files={"models/generic90.mod": (MODELS / "generic90.mod").read_text(encoding="utf-8")},
        metrics={"bias": ""},
        parameters={"vgs": vgs, "vds": vds},
        variables=(WIDTHS, LENGTHS),
    )


def points(vgs: float, vds: float, sizes: list[dict[str, float]]) -> list[dict[str, DevicePoint]]:
    with NgspiceSimulator(devices(vgs, vds)) as simulator:
        return [dict(one.corners["nominal"].devices) for one in simulator.run(sizes)]


def along(variable: Variable, other: dict[str, float]) -> list[dict[str, float]]:
    """Steps of equal ratio over a variable's whole range."""
    ratio = variable.high / variable.low
    values = [variable.low * ratio ** (step / STEPS) for step in range(STEPS + 1)]
    return [{variable.name: min(value, variable.high), **other} for value in values]


@pytest.mark.parametrize(("vgs", "vds"), [(0.3, 1.0), (0.5, 0.5), (0.8, 1.0), (0.8, 0.1), (2, 2)])
def test_smooth_over_the_whole_range(vgs: float, vds: float) -> None:
    """No kink: the logarithmic slope of id, gm and gds changes by under 0.3% of a step."""
    for sizes in (along(WIDTHS, {"l": 0.2e-6}), along(LENGTHS, {"w": 5e-6})):
        found = points(vgs, vds, sizes)
        for device in ("mn", "mp"):
            for quantity in ("id", "gm", "gds"):
                logs = [math.log(abs(getattr(one[device], quantity))) for one in found]
                steps = [b - a for a, b in itertools.pairwise(logs)]
                bends = [abs(b - a) for a, b in itertools.pairwise(steps)]
                assert max(bends) < 0.003, (device, quantity)


def table() -> Iterator[list[str]]:
    text = (LIBRARY.parents[1] / "docs" / "circuits.md").read_text(encoding="utf-8")
    for row in re.findall(r"(?m)^\| ([NP]MOS \| [\d.]+ \|.*) \|$", text):
        yield [cell.strip() for cell in row.split("|")]


def test_the_table_in_the_docs() -> None:
    rows = list(table())
    assert len(rows) == 12
    for kind, length, vth, gm_id, gain, _ft, on, off in rows:
        size = [{"w": 10e-6, "l": float(length) * 1e-6}]
        name = "mn" if kind == "NMOS" else "mp"
        at = points(float(vth) + 0.15, 1.0, size)[0][name]
        assert at.vth == pytest.approx(float(vth), abs=1e-3)
        assert at.gm / abs(at.id) == pytest.approx(float(gm_id), rel=0.02)
        assert at.gm / at.gds == pytest.approx(float(gain), rel=0.15, abs=0.5)
        full = points(2.0, 2.0, size)[0][name]
        assert abs(full.id) / 10 * 1e6 == pytest.approx(float(on), rel=0.02)
        idle = points(0.0, 2.0, size)[0][name]
        assert abs(idle.id) / 10 * 1e12 == pytest.approx(float(off.replace(",", "")), rel=0.02)
