from __future__ import annotations

import random
import statistics

import pytest

from simulators.netlist.flatten import Technology
from simulators.netlist.numparam import parse_formula
from simulators.pdk.convert import convert
from simulators.pdk.registry import Pdk
from simulators.pdk.section import SectionReader
from simulators.pdk.technology import technology_of
from tests.simulators.plain import HSA, TIGHT, flattened, operating_point, small_signal, worst

BENCH = """
vd d 0 1.2
vg g 0 dc 0.8 ac 1
x1 d g s1 0 nfet w=1 l=0.5
x2 d g s2 0 nfet w=1 l=2 ad=0.3
x3 d g s3 0 nfet w=12 l=0.2 nf=4 m=2
x4 s4 g d d pfet w=3 l=0.3
x5 d s5 res w=2 l=20
r1 s1 0 1k
r2 s2 0 1k
r3 s3 0 1k
r4 s4 0 1k
r5 s5 0 1k
r6 d s6 1k
d1 s6 0 dglobal
"""


def technology(pdk: Pdk, section: str) -> Technology:
    return technology_of(pdk, (section,))


def lines(pdk: Pdk, name: str) -> str:
    cards = SectionReader(pdk.root).section(pdk.library, "tt")
    return "\n".join(convert(cards, "mc_mm_switch").subckts[name])


@pytest.mark.parametrize("section", ["tt", "ss"])
@pytest.mark.parametrize("temperature", [27.0, -40.0])
def test_it_is_simulated_as_the_library(pdk: Pdk, section: str, temperature: float) -> None:
    end = f"{TIGHT}\n.temp {temperature}"
    text = f"* bench{BENCH}{end}"
    flat = flattened(text, {"temper": temperature}, technology(pdk, section))
    ours = f"{flat}\n.temp {temperature}"
    theirs = f'* bench\n.lib "{pdk.library}" {section}{BENCH}{end}'
    for analysis in (operating_point, small_signal):
        one, other = ({n: v for n, v in analysis(t, HSA).items() if "#" not in n}
                      for t in (ours, theirs))  # fmt: skip
        assert worst(one, other) < (1e-9, "")


def test_what_hangs_on_nothing_is_a_number(pdk: Pdk) -> None:
    found = lines(pdk, "nfet")
    assert "toxe=2e-09" in found
    assert "mm_factor" not in found
    assert "base" not in found


def value(pdk: Pdk, cell: str, name: str, **values: float) -> float:
    """Of the first expression that the cell has for `name`."""
    text = lines(pdk, cell).split(f" {name}={{", 1)[1].split("}")[0]
    return parse_formula(text).value(values)


def test_what_hangs_on_the_instance_stays(pdk: Pdk) -> None:
    assert value(pdk, "nfet", "ad", nf=3.0, w=6.0) == pytest.approx(2 * 6 / 3 * 0.29)
    assert value(pdk, "pfet", "lvth0", l_bow=4.0) == pytest.approx(4e-9)


def test_sheet_resistance_moves_to_the_instance(pdk: Pdk) -> None:
    """So that all devices of a bin share one card."""
    assert lines(pdk, "nfet").count("rsh=1.0") == 3
    assert value(pdk, "nfet", "nrd", nf=3.0, w=6.0) == pytest.approx(0.1 / 6 * (89.1 * 3 / 6 + 100))
    assert value(pdk, "nfet", "nrs", nf=3.0, w=6.0) == pytest.approx(0.2 * (89.1 * 3 / 6 + 100))


def test_the_switch_and_the_draws_stay(pdk: Pdk) -> None:
    found = lines(pdk, "nfet")
    assert found.count("mismatch_switch*agauss(0,1.0,1)") == 3
    assert "mc_mm_switch" not in found


def test_mismatch_has_the_librarys_deviation(pdk: Pdk) -> None:
    """sigma = 2.5 mV / sqrt(l w mult) / 3 around 0.41 V, for l = 0.5 and w = 1."""
    place = lines(pdk, "nfet").index("vth0=")
    text = lines(pdk, "nfet")[place + 5 :].split("}")[0] + "}"
    formula, rng = parse_formula(text), random.Random(3)
    names = {"l": 0.5, "w": 1.0, "mult": 1.0, "mismatch_switch": 1.0}
    drawn = [formula.value(names, lambda: rng.gauss(0, 1)) for _ in range(2000)]
    assert statistics.mean(drawn) == pytest.approx(0.41, abs=1e-4)
    assert statistics.stdev(drawn) == pytest.approx(2.5e-3 / 0.5**0.5 / 3, rel=3 / 4000**0.5)
    off = {**names, "mismatch_switch": 0.0}
    assert formula.value(off, lambda: rng.gauss(0, 1)) == pytest.approx(0.41, rel=1e-15)


def test_overrides_win(pdk: Pdk) -> None:
    cards = SectionReader(pdk.root).section(pdk.library, "tt")
    found = convert(cards, "mc_mm_switch", {"vth_shift": 0.1}).subckts["pfet"]
    assert any("vth0=-0.5" in line for line in found)


def test_the_unit_of_length(pdk: Pdk) -> None:
    assert technology(pdk, "tt").scale == 1e-6
