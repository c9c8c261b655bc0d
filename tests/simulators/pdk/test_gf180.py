"""A library built as GF180MCU's is: found at $PDK_ROOT, simulated as ngspice simulates it."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from circuits.definition import Circuit, Corner
from circuits.errors import CircuitError
from circuits.variable import Variable
from simulators.check import check_circuit
from simulators.netlist.deck import build_decks
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.pdk.family import family_of
from simulators.pdk.registry import find_pdk
from simulators.pdk.technology import technology_of
from simulators.result import FailureKind
from tests.simulators.pdk import gf180
from tests.simulators.plain import HSA, TIGHT, flattened, operating_point, small_signal, worst
from tests.simulators.small import circuit

BENCH = """
.param w1=5u
vdd vdd 0 3.3
vg g 0 dc 1 ac 1
x1 a g 0 0 nfet_03v3 w={w1} l=0.28u nf=1
x2 b g 0 0 nfet_03v3 w=8u l=0.5u nf=4 ad={8u*0.4u/2} m=2
x3 c g 0 0 nfet_03v3_dss w=2u l=1u
x4 d g vdd vdd pfet_03v3 w=0.3u l=2u
x5 e g cell
m6 f g 0 0 nfet_03v3 w=1u l=0.6u
.subckt cell o g
xm o g 0 0 nfet_03v3 w=1.2u l=1.2u
.ends
ra vdd a 10k
rb vdd b 10k
rc vdd c 10k
rd d 0 100k
re vdd e 10k
rf vdd f 10k
"""
SIMULATED = f"""* a device of a PDK
.lib sm141064.ngspice typical
vdd vdd 0 3.3
vg g 0 dc 1 ac 1
x1 a g 0 0 nfet_03v3 w={{w}} l=0.5u
ra vdd a {{r}}
{TIGHT}
.op
.ac lin 1 1 1
.meas ac gain max vm(a)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gf180")


@pytest.fixture
def library(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PDK_ROOT", str(home / "root"))
    monkeypatch.setenv("PDK", "gf180mcuD")
    monkeypatch.setenv("ADO_PDK_HOME", str(home / "own"))
    library = home / "root" / "gf180mcuD" / "libs.tech" / "ngspice" / gf180.LIBRARY
    return library if library.exists() else gf180.write(home / "root" / "gf180mcuD")


def small(**fields: object) -> Circuit:
    width = Variable(name="w", unit="m", low=3e-7, high=1e-5)
    return circuit(
        SIMULATED, variables=(Variable(name="r", unit="Ohm", low=1e3, high=1e4), width), **fields
    )


@pytest.mark.parametrize("section", ["typical", "ss", "statistical"])
@pytest.mark.parametrize("temperature", [27.0, 125.0])
def test_it_is_simulated_as_ngspice_does(library: Path, section: str, temperature: float) -> None:
    family = family_of(gf180.LIBRARY)
    assert family is not None
    technology = technology_of(find_pdk(family), (section,))
    end = f"{TIGHT}\n.temp {temperature}"
    text = f"* netlist{BENCH}{end}"
    design = library.with_name("design.ngspice")
    theirs = f'* netlist\n.include "{design}"\n.lib "{library}" {section}{BENCH}{end}'
    ours = f"{flattened(text, {'temper': temperature}, technology)}\n.temp {temperature}"
    for analysis in (operating_point, small_signal):
        one, other = ({n: v for n, v in analysis(t, HSA).items() if "#" not in n}
                      for t in (ours, theirs))  # fmt: skip
        assert "x3.d1" in one
        assert worst(one, other) < (1e-9, "")


def test_only_the_bins_in_use_are_in_the_deck(library: Path) -> None:
    family = family_of(gf180.LIBRARY)
    assert family is not None
    flat = flattened(f"* netlist{BENCH}", {}, technology_of(find_pdk(family), ("typical",)))
    bins = {line.split()[1] for line in flat.splitlines() if line.startswith(".model nfet")}
    assert len(bins) == 3


def test_a_circuit_in_its_corners(library: Path) -> None:
    found = small(corners=(Corner(), Corner(name="slow", process="ss", temperature=125.0)))
    check_circuit(found)
    with NgspiceSimulator(found, processes=1) as simulator:
        [result] = simulator.run([{"r": 5e3, "w": 2e-6}])
    design = library.with_name("design.ngspice")
    for name, section, temperature in (("nominal", "typical", 25.0), ("slow", "ss", 125.0)):
        own = SIMULATED.replace(f".lib {gf180.LIBRARY} typical", "").split(".op")[0]
        text = f'* netlist\n.param r=5k w=2u\n.include "{design}"\n.lib "{library}" {section}\n'
        theirs = small_signal(f"{text}{own}.temp {temperature}", HSA, 1.0)["a"]
        measured = result.corners[name].measures["gain"]
        assert measured == pytest.approx(abs(theirs), rel=1e-6)


def test_mismatch_is_the_pdks(library: Path) -> None:
    """A device of w=2u, l=0.5u: 0.7071 * par_vth * 1 um / sqrt((l - 0.15u) (w + 0.1u))."""
    found = small()
    sigma = 0.7071 * 0.007148 * 1e-6 / (0.35e-6 * 2.1e-6) ** 0.5
    [deck] = build_decks(found)
    shifts = [
        float(line.split("delvto=")[1].split()[0])
        for sample in range(1, 401)
        for line in deck.lines({"r": 5e3, "w": 2e-6, "mismatch_sample": sample}, Corner())
        if "delvto=" in line
    ]
    assert len(shifts) == 400
    assert statistics.stdev(shifts) == pytest.approx(sigma, rel=3 / 800**0.5)
    [nominal] = [line for line in deck.lines({"r": 5e3, "w": 2e-6}, Corner()) if "delvto=" in line]
    assert "delvto=0.0" in nominal


def test_a_range_beyond_the_models(library: Path) -> None:
    found = small()
    wide = found.variables[1].model_copy(update={"low": 1e-7})
    with pytest.raises(CircuitError) as raised:
        check_circuit(found.model_copy(update={"variables": (found.variables[0], wide)}))
    assert str(raised.value) == (
        "circuit.yaml: x1: its width is 1e-07 m within the range of w (1e-07 to 1e-05 m); "
        "nfet_03v3 has models from 2.2e-07 to 0.000100001 m. Narrow the range of w"
    )


def test_a_design_beyond_the_models_is_a_failed_result(library: Path) -> None:
    with NgspiceSimulator(small(), processes=1) as simulator:
        first, second = simulator.run([{"r": 5e3, "w": 1e-7}, {"r": 5e3, "w": 1e-6}])
    assert first.failure is FailureKind.BAD_NETLIST
    assert "nfet_03v3 has no model for w=0.1 um" in first.message
    assert second.failure is None
