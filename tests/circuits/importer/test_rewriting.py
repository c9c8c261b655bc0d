"""Each rewriting gives the value that the card has by its meaning, worked out by hand."""

from __future__ import annotations

import math

import pytest

from tests.circuits.importer.decks import circuit, metrics, only

RC = """* an RC low-pass of 1 kOhm and 1 uF behind a 2 V source
.param r1=1k c1=1u vdd=2
v1 in 0 dc 'vdd' ac 1 pulse(0 'vdd' 1m 1u 1u 5m 20m)
r1 in out 'r1'
c1 out 0 'c1'
{}
"""
CORNER = 1000 / (2 * math.pi)  # Hz
TRAN = ".tran 1u 6m\n"
AC = ".ac dec 50 1 10k\n"


def value(lines: str, metric: str = "x", deck: str = RC, **fields: str) -> float:
    found = only(circuit(deck.format(lines), metric, **fields))[metric.partition(": ")[0]]
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        # v() is a magnitude in HSPICE's AC, and vp() is in degrees.
        (f"{AC}.meas ac x find v(out) at=1k", 1 / math.hypot(1, 1e3 / CORNER)),
        (f"{AC}.meas ac x find vp(out) at=1k", -math.degrees(math.atan(1e3 / CORNER))),
        (f"{AC}.meas ac x when vp(out)=-45", CORNER),
        (f"{AC}.meas ac x when vdb(out)='0-3' goal=100 weight=2", CORNER),
        (f"{AC}.meas ac x max vm(in,out)", 1 / math.hypot(1, CORNER / 1e4)),
        (f"{AC}.meas ac x find i(v1) at='2*5'", 1e-3 / math.hypot(1, CORNER / 10)),
        (f"{AC}.meas ac x max vdb(in)", 0.0),
        # Differences, expressions and thresholds in time.
        (f"{TRAN}.meas tran x max 'v(in)-v(out)'", 2.0),
        (f"{TRAN}.meas tran x max par('v(out)*3')", 6 * (1 - math.exp(-5))),
        (f"{TRAN}.meas tran x find par('v(out)*vdd+1') at=2m", 1 + 4 * (1 - math.exp(-1))),
        (f"{TRAN}.meas tran x trig v(in) val='vdd/2' rise=1 targ v(out) val='vdd/2' rise=1",
         1e-3 * math.log(2)),
        (f"{TRAN}.meas tran x trig at=1m targ v(out) val=1 rise=1", 1e-3 * math.log(2)),
        (f"{TRAN}.meas tran x when v(out)='0.5*vdd' td='1m/2' rise='3-2'",
         1e-3 + 1e-3 * math.log(2)),
        (f"{TRAN}.meas tran x integral v(in) from=1m to='2m'", 2e-3),
        (f"{TRAN}.meas tran x find i(v1) at=2m", -2e-3 * math.exp(-1)),
        # Numbers, functions, comments, continued lines.
        (f"ix 0 big 1u\nrx big 0 1x\n{TRAN}.meas tran x max v(big)", 1.0),
        (f".param f(a,b)='a*b+1' g(a)='f(a,2)'\nix 0 b 1\nrx b 0 'g(3)'\n{TRAN}"
         ".meas tran x max v(b)", 7.0),
        (f".func twice(a) {{a*2}}\nix 0 b 1\nrx b 0 'twice(twice(3))'\n{TRAN}"
         ".meas tran x max v(b)", 12.0),
        (f".param k = 3 $ three\nix 0 b k$no blank\nrx b gnd! \\\\\n2\n{TRAN}.meas tran x max v(b)",
         6.0),
        (f'.param k="2*3"\nix 0 b 1\nrx b 0 k\n{TRAN}.meas tran x max v(b)', 6.0),
        (f".param k=2\n.if (k>1 && vdd==2)\nrx b 0 3\n.else\nrx b 0 4\n.endif\nix 0 b 1\n{TRAN}"
         ".meas tran x max v(b)", 3.0),
        (f".param k=2\n.if (k==1)\nrx b 0 3\n.elseif (k==2)\nrx b 0 5\n.else\nrx b 0 4\n.endif\n"
         f"ix 0 b 1\n{TRAN}.meas tran x max v(b)", 5.0),
        (f".macro m a b k=1\nrx a b '2*k'\n.eom m\nxm b gnd! m k=4\nix 0 b 1\n{TRAN}"
         ".meas tran x max v(b)", 8.0),
        (f"e1 b 0 vcvs in 0 3\n{TRAN}.meas tran x max v(b)", 6.0),
        (f"e1 b 0 vol='v(in)*v(in)'\n{TRAN}.meas tran x max v(b)", 4.0),
        (f"e1 b 0 ground! in 1\n{TRAN}.meas tran x min v(b)", -2.0),
        (f".option post=2 ingold list scale=1\n.probe v(out)\n.print v(out)\n.op all\n{TRAN}"
         ".meas tran x max v(in)", 2.0),
        # HSPICE's pairs of step and stop: 2m is no start.
        (".tran 1u 1m 2u 6m\n.meas tran x find v(in) at=0.5m", 0.0),
        (".tran 1u 6m start=1.5m\n.meas tran x min v(in)", 2.0),
        (".param per=6m\n.tran 1u per\n.meas tran x max v(in)", 2.0),
        (f"{TRAN}.meas tran x max v(in)\n.end\n.alter\n.protect\nshell rm", 2.0),
    ],
)  # fmt: skip
def test_hspice(lines: str, expected: float) -> None:
    assert value(lines) == pytest.approx(expected, rel=3e-3, abs=1e-9)


@pytest.mark.parametrize(
    ("lines", "metric", "expected"),
    [
        (f"{TRAN}.meas tran a max v(in)\n.meas tran x param='a*3+vdd'", "x", 8.0),
        (f"{TRAN}.meas tran a max v(in)\n.meas tran x param='db(a)'", "x", 20 * math.log10(2)),
        (f"{TRAN}.meas tran a max v(in)\n.meas tran b param='pow(a,2)'\n.meas tran x param='b+1m'",
         "x: x * 2", 8.002),
        (f"{TRAN}.param k='2*k2' k2=4\n.meas tran a max v(in)\n.meas tran x param='k/a'", "x", 4.0),
        (f"{AC}.meas ac ph find vp(out) when vm(out)=0.70710678", "x: 180 + ph", 135.0),
    ],
)  # fmt: skip
def test_expressions_over_measures(lines: str, metric: str, expected: float) -> None:
    assert value(lines, metric) == pytest.approx(expected, rel=1e-3)


def test_ngspice_keeps_its_own_meanings() -> None:
    """Real part and radians, as plain ngspice has it."""
    lines = f"{AC}.meas ac re find v(out) at=1k\n.meas ac ph find vp(out) at=1k"
    found = only(circuit(RC.format(lines), "re", "ph", syntax="ngspice"))
    share = 1e3 / CORNER
    assert found["re"] == pytest.approx(1 / (1 + share**2), rel=1e-3)
    assert found["ph"] == pytest.approx(-math.atan(share), rel=1e-3)


def test_syntax_is_guessed_from_what_only_hspice_has() -> None:
    lines = f"{AC}.meas ac x find vp(out) at=1k"
    guessed = only(circuit(RC.format(f".option post\n{lines}"), syntax=""))["x"]
    unmarked = only(circuit(RC.format(lines), syntax=""))["x"]
    assert guessed is not None
    assert unmarked == pytest.approx(math.radians(guessed))


RUNS = RC + ".tran 1u 6m\n.meas tran x max v(in)\n"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (".alter low\n.param vdd=1.8\n.alter 'high one'\n.param vdd='2*1.1'",
         {"nominal": 2.0, "low": 1.8, "high_one": 2.2}),
        (".tran 1u 6m sweep vdd 1 3 1", {"vdd_1": 1.0, "vdd_2": 2.0, "vdd_3": 3.0}),
        (".tran 1u 6m sweep vdd poi 2 1 1.5", {"vdd_1": 1.0, "vdd_1_5": 1.5}),
        (".tran 1u 6m sweep vdd lin 3 1 2", {"vdd_1": 1.0, "vdd_1_5": 1.5, "vdd_2": 2.0}),
        (".tran 1u 6m sweep vdd dec 1 1 10", {"vdd_1": 1.0, "vdd_10": 10.0}),
        (".data t vdd c1\n1 1u\n+ 2 2u\n.enddata\n.tran 1u 6m sweep data = t",
         {"vdd_1_c1_1em06": 1.0, "vdd_2_c1_2em06": 2.0}),
    ],
)  # fmt: skip
def test_runs_become_corners(lines: str, expected: dict[str, float]) -> None:
    deck = RC + (".meas tran x max v(in)\n" if "sweep" in lines else "")
    text = deck.replace("{}", lines) if "sweep" in lines else RUNS.format("") + lines
    found = metrics(circuit(text))
    assert {name: one["x"] for name, one in found.items()} == pytest.approx(expected)


def test_temperatures_become_corners() -> None:
    """A resistor of 1 kOhm with 1e-3 per degree above 25 C."""
    lines = "ix 0 b 1m\nrx b 0 1k tc1=1e-3\n.options tnom=25\n.temp 25 85 -40\n" + TRAN
    found = metrics(circuit(RC.format(f"{lines}.meas tran x max v(b)")))
    assert {name: one["x"] for name, one in found.items()} == pytest.approx(
        {"t25": 1.0, "t85": 1.06, "tm40": 0.935}
    )


def test_one_temperature_is_the_corners() -> None:
    lines = f"ix 0 b 1m\nrx b 0 1k tc1=1e-3\n.options tnom=25\n.temp 85\n{TRAN}"
    found = metrics(circuit(RC.format(f"{lines}.meas tran x max v(b)")))
    assert found == {"nominal": {"x": pytest.approx(1.06)}}


def test_runs_multiply() -> None:
    lines = ".temp 0 50\n.tran 1u 6m sweep c1 poi 2 1u 2u\n.meas tran x max v(in)\n"
    found = circuit(RC.format(lines) + ".alter\n.param vdd=1\n")
    assert [(c.temperature, c.parameters) for c in found.corners] == [
        (temperature, {**supply, "c1": c1})
        for supply in ({}, {"vdd": 1.0})
        for c1 in (1e-6, 2e-6)
        for temperature in (0.0, 50.0)
    ]


def test_process_of_a_pdk() -> None:
    deck = RC.format('.lib "/usr/share/pdk/sky130A/libs.tech/combined/sky130.lib.spice" tt')
    changed = ".alter slow\n.del lib 'sky130.lib.spice' tt\n.lib 'sky130.lib.spice' ss\n.temp 100\n"
    found = circuit(f"{deck}{TRAN}{changed}")
    assert [(c.name, c.process, c.temperature) for c in found.corners] == [
        ("nominal", "", 25.0),
        ("slow_t100", "ss", 100.0),
    ]
    assert ".lib sky130.lib.spice tt" in found.files["bench.sp"].splitlines()


@pytest.mark.parametrize(
    ("card", "left"),
    [
        (".lib $::SKYWATER_MODELS/sky130.lib.spice tt", ".lib sky130.lib.spice tt"),
        (".lib ${PDK_ROOT}/sky130A/sky130.lib.spice ss", ".lib sky130.lib.spice ss"),
        (".lib 'sm141064.ngspice' typical", ".lib sm141064.ngspice typical"),
        (".LIB /no/such/place/a.lib TT $ corner", ".lib a.lib TT"),
        (".include $::180MCU_MODELS/design.ngspice", ".include design.ngspice"),
        (".include design.ngspice", ".include design.ngspice"),
        (".inc '/opt/pdk/libs.ref/sky130_fd_sc_hd/spice/x.spice'", ".include x.spice"),
    ],
)
@pytest.mark.parametrize("syntax", ["ngspice", "hspice"])
def test_pdk_files_are_left_to_the_pdk(card: str, left: str, syntax: str) -> None:
    found = circuit(RC.format(f"{card}\n{TRAN}.meas tran x max v(in)"), syntax=syntax)
    assert list(found.files) == ["bench.sp"]
    assert found.files["bench.sp"].splitlines()[5] == left


def test_sections_of_a_library_in_the_folder() -> None:
    library = (
        "* models\n.lib a\n.param k=3\n.lib 'lib/m.l' deep\n.endl a\n.lib b\n.param k=4\n.endl\n"
        ".lib deep\nrx b 0 'k'\n.endl deep\n"
    )
    lines = f".lib 'lib/m.l' A\nix 0 b 1\n{TRAN}.meas tran x max v(b)"
    more = {"lib/m__l": library.replace("'lib/m.l'", "m.l")}
    found = circuit(RC.format(lines), **more)
    assert only(found)["x"] == 3.0
    assert sorted(found.files) == ["bench.sp", "lib/m.l(a)", "lib/m.l(deep)"]
    assert found.files["lib/m.l(a)"].splitlines()[2] == ".param k=3"
