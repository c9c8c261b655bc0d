"""Bins: which one a size belongs to, as ngspice itself decides; and sizes that none is for."""

from __future__ import annotations

import pytest

from circuits.definition import Circuit
from circuits.errors import CircuitError
from circuits.variable import Variable
from simulators.check import check_circuit
from simulators.netlist.flatten import Technology
from simulators.netlist.mos import Bin, BinnedMos
from simulators.netlist.numparam import ExpressionError, parse_formula
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.result import FailureKind
from tests.simulators.plain import HSA, flattened, printed
from tests.simulators.small import circuit

EDGES = {1: (1e-7, 1e-6), 2: (1e-6, 1e-5), 3: (1e-5, 1e-4)}
"""(wmin, wmax) by the bins' numbers, m."""
OFFSETS = (-2e-9, -1.1e-9, -0.9e-9, -1e-12, 0.0, 1e-12, 0.9e-9, 1.1e-9, 2e-9)
"""Metres around an edge."""


def cards(order: tuple[int, ...]) -> str:
    return "\n".join(
        f".model nn.{n} nmos level=14 version=4.5 vth0={0.3 + 0.1 * n:.1f} "
        f"lmin=1e-7 lmax=1e-5 wmin={EDGES[n][0]!r} wmax={EDGES[n][1]!r}"
        for n in order
    )


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1)])
@pytest.mark.parametrize("edge", [1e-6, 1e-5])
def test_the_bin_at_an_edge_is_ngspices(edge: float, order: tuple[int, ...]) -> None:
    sizes = [edge + offset for offset in OFFSETS]
    devices = [f"m{place} d d 0 0 nn w={size!r} l=1u" for place, size in enumerate(sizes)]
    text = "\n".join(["* edges", "vd d 0 1", *devices, cards(order)])
    asks = ["op", *(f"print @m{place}[vth]" for place in range(len(sizes)))]
    theirs, ours = printed(text, asks), printed(flattened(text), asks)
    assert ours == pytest.approx(theirs, rel=1e-9)
    assert len({round(value.real, 2) for value in theirs.values()}) == 2


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1)])
def test_in_mode_hsa_a_bin_that_encloses_a_size_comes_first(order: tuple[int, ...]) -> None:
    within = Technology("", {}, {}, per_finger=True)
    sizes = [edge + offset for edge in (1e-6, 1e-5) for offset in OFFSETS if offset]
    devices = [f"x{place} d cell w={size!r}" for place, size in enumerate(sizes)]
    device = "m0 d d 0 0 nn w={w} l=1e-6 nf=1"  # with models of its own, as in a PDK's cell
    cell = "\n".join([".subckt cell d w=1u", device, cards(order), ".ends"])
    text = "\n".join(["* edges", "vd d 0 1", *devices, cell])
    asks = ["op", *(f"print @m.x{place}.m0[vth]" for place in range(len(sizes)))]
    theirs, ours = printed(text, asks, HSA), printed(flattened(text, technology=within), asks)
    assert ours == pytest.approx(theirs, rel=1e-9)


def mos(**values: str) -> BinnedMos:
    one = Bin("nn_1", 1e-7, 1e-5, 1e-7, 1e-6, card="nmos")
    formulas = {name: parse_formula(text) for name, text in values.items()}
    return BinnedMos("m.x1.m1 d g s b", "nn", [one], formulas, {"w": 1e-6, "l": 1e-6}, True)


def lines(device: BinnedMos, **environment: float) -> list[str]:
    return device.lines(environment, lambda: 0.0, drawn=False)[0]


def test_sizes_are_in_metres() -> None:
    [line] = lines(mos(w="wx", l="0.5", nf="2"), wx=1.5)
    assert line == "m.x1.m1 d g s b nn_1 w=1.5e-06 l=5e-07 nf=2.0"


def test_bins_go_by_the_width_of_a_finger() -> None:
    assert lines(mos(w="8", l="1", nf="10"))
    with pytest.raises(ExpressionError, match="no model for w=4 um a finger, l=1 um"):
        lines(mos(w="8", l="1", nf="2"))


@pytest.mark.parametrize("fingers", ["0", "-1"])
def test_no_fingers(fingers: str) -> None:
    with pytest.raises(ExpressionError, match="fingers are none; give nf=1 or more"):
        lines(mos(w="1", l="1", nf=fingers))


def test_a_device_without_a_size() -> None:
    with pytest.raises(ExpressionError, match="nn has no model for w=nan um"):
        lines(mos(l="1"))


def test_a_model_that_hangs_on_the_device_is_its_own() -> None:
    drawn = (("vth0", parse_formula("0.4+0.01/w")),)
    one = Bin("nn_1", 1e-7, 1e-5, 1e-7, 1e-6, card="nmos level=14", drawn=drawn, own=True)
    device = BinnedMos("m1 d g s b", "nn", [one], {"w": 1e-6, "l": 1e-6}, {}, False)
    found, shared = device.lines({"w": 2.0}, lambda: 0.0, drawn=False)
    assert found == [
        ".model nn_1:m1 nmos level=14 vth0=0.405",
        "m1 d g s b nn_1:m1 w=1e-06 l=1e-06",
    ]
    assert shared == ""


BINNED = f"""* a device of three bins
vd d 0 1
m1 d d 0 0 nn w={{w}} l={{2*k*1u}}
r1 d 0 {{r}}
{cards((1, 2, 3))}
.op
.ac lin 1 1 1
.meas ac gain max vm(d)
"""
RESISTANCE = Variable(name="r", unit="Ohm", low=1e3, high=1e4)


def sized(low: float, high: float, k: tuple[float, float] = (0.1, 5.0)) -> Circuit:
    width = Variable(name="w", unit="m", low=low, high=high)
    factor = Variable(name="k", low=k[0], high=k[1])
    return circuit(BINNED, variables=(RESISTANCE, width, factor))


def refused(found: Circuit) -> list[str]:
    with pytest.raises(CircuitError) as raised:
        check_circuit(found)
    return [str(one) for one in raised.value.findings]


def test_ranges_within_the_models() -> None:
    check_circuit(sized(1e-7, 1e-4))


def test_ranges_beyond_the_models() -> None:
    assert refused(sized(5e-8, 2e-4)) == [
        "circuit.yaml: m1: its width is 5e-08 to 0.0002 m within the range of w (5e-08 to "
        "0.0002 m); nn has models from 1e-07 to 0.0001 m. Narrow the range of w"
    ]
    assert refused(sized(1e-6, 1e-5, k=(0.1, 6.0))) == [
        "circuit.yaml: m1: its length is 1.2e-05 m within the range of k (0.1 to 6); "
        "nn has models from 1e-07 to 1e-05 m. Narrow the range of k"
    ]


def test_sizes_of_several_variables() -> None:
    """Neither alone leaves the range, both at their highest do."""
    text = BINNED.replace("w={w}", "w={w*k}")
    width = Variable(name="w", unit="m", low=1e-6, high=2e-5)
    factor = Variable(name="k", low=0.1, high=5.0)
    found = circuit(f"{text}.param w=1u k=1\n", variables=(RESISTANCE, width, factor))
    check_circuit(found)
    wider = width.model_copy(update={"high": 3e-5})
    [said] = refused(found.model_copy(update={"variables": (RESISTANCE, wider, factor)}))
    assert "its width is 0.00015 m within the range of w (1e-06 to 3e-05 m), k (0.1 to 5)" in said
    assert said.endswith("Narrow the range of w and k")


def test_a_size_that_no_variable_moves() -> None:
    text = BINNED.replace("w={w}", "w=1m").replace("{r}", "{r*w*k}")
    width = Variable(name="w", low=1, high=2)
    found = circuit(text, variables=(RESISTANCE, width, Variable(name="k", low=0.1, high=5.0)))
    [said] = refused(found)
    assert "m1: its width is 0.001 m, whatever the variables are" in said
    assert said.endswith("Change it in the netlist")


def test_a_gap_between_the_bins() -> None:
    text = BINNED.replace("wmax=1e-06", "wmax=5e-07")
    width = Variable(name="w", unit="m", low=7e-7, high=1e-5)
    factor = Variable(name="k", low=0.1, high=5.0)
    said = refused(circuit(text, variables=(RESISTANCE, width, factor)))
    assert any("its width is 7e-07 m within the range of w" in one for one in said)


def test_a_design_outside_is_a_failed_result() -> None:
    with NgspiceSimulator(sized(1e-7, 1e-4), processes=1) as simulator:
        first, second = simulator.run(
            [{"r": 1e3, "w": 1e-3, "k": 1.0}, {"r": 1e3, "w": 1e-5, "k": 1.0}]
        )
    assert first.failure is FailureKind.BAD_NETLIST
    assert "nn has no model for w=1000 um, l=2 um" in first.message
    assert second.failure is None
