"""The installed sky130: our flat decks against the PDK's own library in plain ngspice."""

from __future__ import annotations

import math
import random
import re
import statistics
from collections.abc import Callable

import pytest

from circuits.definition import Circuit, Corner
from circuits.errors import CircuitError
from circuits.loader import load_circuit
from simulators.check import check_circuit
from simulators.netlist.deck import build_decks
from simulators.netlist.numparam import parse_formula
from simulators.ngspice.export import sized_netlists
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.pdk import technology as technologies
from simulators.pdk.cache import numeric_section
from simulators.pdk.errors import PdkError
from simulators.pdk.family import FAMILIES
from simulators.pdk.registry import Pdk, find_pdk
from simulators.pdk.technology import technology_of
from simulators.pdk.verify import TOLERANCE, verify
from simulators.result import FailureKind
from simulators.starting import starting_design
from tests.simulators.plain import (
    HSA,
    TIGHT,
    flattened,
    operating_point,
    said,
    small_signal,
    worst,
)
from tests.simulators.small import circuit

CIRCUIT = "sky130_two_stage_amplifier"
BENCH = """
vd d 0 1.8
vg g 0 dc 0.8 ac 1
x1 d g s1 0 sky130_fd_pr__nfet_01v8 w=2 l=0.5 nf=2 ad='int((nf+1)/2) * W/nf * 0.29'
x2 d g s2 0 sky130_fd_pr__nfet_01v8 w=12 l=0.15 nf=4 mult=2 m=2
x3 s3 g d d sky130_fd_pr__pfet_01v8 w=4 l=0.35 nf=2
x4 s4 g d d sky130_fd_pr__pfet_01v8_lvt w=8 l=1 nf=4
x5 d s5 0 sky130_fd_pr__res_high_po w=0.69 l=12
x6 g s6 0 sky130_fd_pr__res_xhigh_po w=0.35 l=7 mult=2
x7 g s7 sky130_fd_pr__cap_mim_m3_1 w=12 l=8 mf=2
x8 d g s8 0 sky130_fd_pr__nfet_01v8_lvt w=1 l=8
r1 s1 0 1k
r2 s2 0 1k
r3 s3 0 1k
r4 s4 0 1k
r5 s5 0 1k
r6 s6 0 1k
r7 s7 0 1k
r8 s8 0 1k
"""
W, L = 3.0, 0.5
_MEASURED = re.compile(r"(?m)^(\w+)\s+=\s+([-+.\deE]+)")


@pytest.fixture(scope="module")
def sky130() -> Pdk:
    return find_pdk(FAMILIES[0])


def open_loop() -> Circuit:
    """Operating point and AC alone, with tight tolerances."""
    found = load_circuit(CIRCUIT)
    files = {
        name: text.replace(".options reltol=1e-4", TIGHT) for name, text in found.files.items()
    }
    metrics = tuple(one for one in found.metrics if one.name in {"gain", "gbw", "pm"})
    update = {"files": files, "testbenches": found.testbenches[:1], "metrics": metrics}
    return found.model_copy(update=update)


def test_random_designs_are_the_librarys() -> None:
    found, rng = open_loop(), random.Random(7)
    designs = [found.from_unit([rng.random() for _ in found.variables]) for _ in range(2)]
    compared = 0
    with NgspiceSimulator(found, processes=1) as simulator:
        for design, result in zip(designs, simulator.run(designs), strict=True):
            for corner in (found.corners[1], found.corners[4]):
                ours = result.corners[corner.name].measures
                [text] = sized_netlists(found, design, corner).values()
                library = dict(_MEASURED.findall(said(text, HSA)))
                for name, value in ours.items():
                    assert value == pytest.approx(float(library[name]), rel=TOLERANCE)
                    compared += 1
    assert compared == 12


@pytest.mark.parametrize(
    ("sizes", "corner"),
    [
        ({"w4": 5.492192e-07, "l3": 5.163439e-07}, 0),  # within 1 nm of the next bin
        ({"w5": 1.1514e-06, "l5": 1.506e-07}, 2),  # a bin whose a2 is out of its usual range
    ],
)
def test_designs_at_the_edge_of_a_bin_and_of_a_parameter_are_the_librarys(
    sizes: dict[str, float], corner: int
) -> None:
    found = open_loop()
    design = {**starting_design(found), **sizes}
    with NgspiceSimulator(found, processes=1) as simulator:
        [result] = simulator.run([design])
    conditions = found.corners[corner]
    [text] = sized_netlists(found, design, conditions).values()
    library = dict(_MEASURED.findall(said(text, HSA)))
    measures = result.corners[conditions.name].measures
    assert len(measures) == 3
    for name, value in measures.items():
        assert value == pytest.approx(float(library[name]), rel=TOLERANCE)
    assert "ng_nomodcheck" in text


@pytest.mark.parametrize(
    ("section", "temperature", "analysis"),
    [("tt", 27.0, operating_point), ("ss", 85.0, small_signal)],
)
def test_fingers_and_passives_are_the_librarys(
    sky130: Pdk, section: str, temperature: float, analysis: Callable[..., dict[str, complex]]
) -> None:
    end = f"{TIGHT}\n.temp {temperature}"
    text = f"* bench{BENCH}{end}"
    flat = flattened(text, {"temper": temperature}, technology_of(sky130, (section,)))
    ours = f"{flat}\n.temp {temperature}"
    theirs = f'* bench\n.lib "{sky130.library}" {section}{BENCH}{end}'
    one, other = ({n: v for n, v in analysis(t, HSA).items() if re.fullmatch(r"s\d", n)}
                  for t in (ours, theirs))  # fmt: skip
    assert len(one) == 8
    assert worst(one, other) < (TOLERANCE, "")


def test_mismatch_of_a_device_is_the_pdks(sky130: Pdk) -> None:
    """The PDK's own number over the root of the area in square micrometres, device by device."""
    technology = technology_of(sky130, ("tt",))
    devices = "\n".join(
        f"x{n} d d 0 0 sky130_fd_pr__nfet_01v8 w={W} l={L}" for n in range(300)
    )  # fmt: skip
    text = f"* bench\nvd d 0 1\n{devices}"
    sigma = _librarys_sigma(sky130)
    drawn = _shifts(flattened(text, {}, technology, sample=1))
    assert statistics.stdev(drawn) == pytest.approx(sigma, rel=3 / math.sqrt(600))
    assert abs(statistics.mean(drawn)) < 3 * sigma / math.sqrt(300)
    assert drawn == _shifts(flattened(text, {}, technology, sample=1))
    assert drawn != _shifts(flattened(text, {}, technology, sample=2))
    assert set(_shifts(flattened(text, {}, technology))) == {0.0}


def _librarys_sigma(sky130: Pdk) -> float:
    """Worked out by hand from the library's own text, V."""
    folder = sky130.library.parent / "continuous"
    text = (folder / "models_global.spice").read_text("utf-8")
    coefficient = text.split("sw_mm_vth0_sky130_fd_pr__nfet_01v8 = ")[1].split()[0]
    cells = (folder / "models_fet.spice").read_text("utf-8")
    cell = cells.split(".subckt  sky130_fd_pr__nfet_01v8  d g s b", 1)[1]
    shift = parse_formula(cell.split("\n+ delvto = ", 1)[1].split("\n")[0])
    per_volt = shift.value({"swx_vth": 1.0, "w": W, "l": L})
    return float(coefficient) * per_volt / math.sqrt(W * L)


def _shifts(flat: str) -> list[float]:
    """Shifts of the thresholds (V) of the devices."""
    found = [float(match) for match in re.findall(r"delvto=(\S+)", flat)]
    assert len(found) == 300
    return found


def test_the_conversion_is_checked(sky130: Pdk) -> None:
    found = verify(sky130, "tt")
    assert found.devices > 30
    assert found.difference <= TOLERANCE


def test_a_damaged_conversion_is_found(sky130: Pdk, monkeypatch: pytest.MonkeyPatch) -> None:
    """One number of one model card is off by a part in ten thousand."""
    numeric = numeric_section(sky130, ("tt",))
    cell = "sky130_fd_pr__nfet_01v8"
    lines = list(numeric.subckts[cell])
    place = next(n for n, line in enumerate(lines) if line.startswith(".model"))
    before, _, after = lines[place].partition(" vsat=")
    number, _, rest = after.partition(" ")
    lines[place] = f"{before} vsat={float(number) * 1.0001!r} {rest}"
    damaged = {**numeric.subckts, cell: lines}
    monkeypatch.setattr(
        technologies, "numeric_section", lambda pdk, sections: type(numeric)(damaged, {}, 1e-6)
    )
    technology_of.cache_clear()
    try:
        with pytest.raises(PdkError, match="section tt: the converted cards differ from the"):
            verify(sky130, "tt")
    finally:
        technology_of.cache_clear()


def test_ranges_beyond_the_models() -> None:
    found = load_circuit(CIRCUIT)
    check_circuit(found)
    changed = {"w1": {"low": 1e-7}, "l3": {"high": 50e-6}}
    variables = tuple(one.model_copy(update=changed.get(one.name, {})) for one in found.variables)
    with pytest.raises(CircuitError) as raised:
        check_circuit(found.model_copy(update={"variables": variables}))
    found_out = [str(one) for one in raised.value.findings]
    assert len(found_out) == 2  # one a variable, though two devices have w1 and three have l3
    assert found_out[0] == (
        "circuit.yaml: xdut.xmp1: its width is 1e-07 m within the range of w1 "
        "(1e-07 to 5e-05 m); pshort_model has models from 4.2e-07 to 0.00101 m "
        "(0.42 to 1010 in the netlist). Narrow the range of w1"
    )
    assert "xdut.xmnb: its length is 5e-05 m within the range of l3" in found_out[1]


def test_a_design_beyond_the_models_is_a_failed_result() -> None:
    found = load_circuit(CIRCUIT)
    middle = found.from_unit([0.5 for _ in found.variables])
    [deck, _] = build_decks(found)
    assert deck.lines({**found.parameters, **middle}, Corner(process="ff"))
    with NgspiceSimulator(found, processes=1) as simulator:
        [result] = simulator.run([{**middle, "w1": 2e-3}])
    assert result.failure is FailureKind.BAD_NETLIST
    assert "pshort_model has no model for w=2000 um" in result.message


def test_a_devices_mismatch_does_not_hang_on_the_names_of_its_nodes() -> None:
    text = "* t\n.lib sky130.lib.spice tt\nv1 {0} 0 1\nr1 {0} 0 {{r}}\n.op\n"
    text += "xm {0} {0} 0 0 sky130_fd_pr__nfet_01v8 w=2 l=0.5\n"
    found = set()
    for node in ("a", "drain"):
        [deck] = build_decks(circuit(text.format(node)))
        lines = deck.numbers({"r": 1e3, "mismatch_sample": 7}, Corner())
        [device] = [line for line in lines if line.startswith("m.xm ")]
        found.add(device.split("delvto=")[1].split()[0])
    assert len(found) == 1
    assert float(found.pop()) != 0
