from __future__ import annotations

import pytest

from simulators.ngspice.simulator import NgspiceSimulator
from simulators.regions import classify, device_point
from simulators.result import Region
from tests.simulators.small import circuit


@pytest.mark.parametrize(
    ("vgs", "vds", "region"),
    [
        (0.8, 1.0, Region.SATURATION),
        (0.8, 0.1, Region.TRIODE),
        (0.8, -0.1, Region.TRIODE),
        (0.8, -1.0, Region.SATURATION),
        (0.35, 1.0, Region.SUBTHRESHOLD),
        (0.35, 0.01, Region.TRIODE),
        (0.1, 1.0, Region.OFF),
        (0.1, 0.0, Region.OFF),
    ],
)
def test_classify(vgs: float, vds: float, region: Region) -> None:
    assert classify(vgs, vds, vth=0.4, vdsat=0.2) is region


def test_old_levels_give_raw_signs_for_a_pmos() -> None:
    values = {
        "id": 1e-6,
        "gm": 1e-5,
        "gds": 0.0,
        "vgs": 0.8,
        "vds": 2.0,
        "vdsat": -0.3,
        "von": -0.5,
    }
    point = device_point(values)
    assert (point.vth, point.vdsat, point.region) == (0.5, 0.3, Region.SATURATION)


BENCH = """* two of each polarity
.model n nmos {card}
.model p pmos {pcard}
vdd vdd 0 2
vn gn 0 0.9
vp gp 0 1.1
mnsat vdd gn 0 0 n w=10u l=1u
mpsat 0 gp vdd vdd p w=10u l=1u
mntri vt gn 0 0 n w=10u l=1u
vt vt 0 0.05
mptri vu gp vdd vdd p w=10u l=1u
vu vu 0 1.95
mnoff vdd 0 0 0 n w=10u l=1u
mpoff 0 vdd vdd vdd p w=10u l=1u
vw gw 0 0.4
mnsub vdd gw 0 0 n w=10u l=1u
r1 vdd 0 {{r}}
"""
EXPECTED = {
    "mnsat": "saturation", "mpsat": "saturation", "mntri": "triode", "mptri": "triode",
    "mnoff": "off", "mpoff": "off", "mnsub": "subthreshold",
}  # fmt: skip


@pytest.mark.parametrize(
    "analysis",
    [
        ".dc vdd 2 2 1\n.meas dc gain max i(vdd)",
        ".dc vdd 0 1 0.1\n.meas dc gain max i(vdd)",
        ".ac lin 1 1 1\n.meas ac gain max vm(gn)",
        ".tran 1n 10n\n.meas tran gain max i(vdd)",
    ],
    ids=["point", "sweep", "ac-only", "tran-only"],
)
@pytest.mark.parametrize("model", ["level=1 vto={}0.5", "level=3 vto={}0.5", "level=14 vth0={}0.5"])
def test_on_ngspice(model: str, analysis: str) -> None:
    text = BENCH.format(card=model.format(""), pcard=model.format("-")) + analysis
    with NgspiceSimulator(circuit(text), processes=1) as simulator:
        [result] = simulator.run([{"r": 1e3}])
    assert result.failure is None
    devices = result.corners["nominal"].devices
    assert {name: devices[name].region.value for name in devices} == EXPECTED
    assert all(point.vth > 0.3 and point.vdsat >= 0 for point in devices.values())
