"""What cannot work is refused with file, line and cure."""

from __future__ import annotations

import contextlib
import time

import pytest

from circuits.errors import CircuitError
from circuits.loader import load_files
from tests.circuits.importer.decks import circuit, files, findings

HEAD = "* title\n.param r1=1k vdd=2\nv1 in 0 vdd\nr1 in out r1\n"  # lines 1 to 4
TRAN = ".tran 1u 1m\n"

CORPUS = [
    (".protect\nMZ#gibberish", 5, "encrypted", "Ask the foundry for ngspice models"),
    (".prot\n.model a nmos", 5, "encrypted", "remove .protect and .unprotect"),
    (".connect a b", 5, ".connect", "Give both nodes the same name"),
    (".fft v(out)", 5, ".fft", ".meas tran"),
    (".lstb mode=single", 5, ".lstb", "Break the loop"),
    (".hdl 'amp.va'", 5, ".hdl", "device card or a subcircuit"),
    (".vec 'in.vec'", 5, ".vec", "PULSE or PWL"),
    (".del lib 'a' tt", 5, "outside of an .alter", "Remove it"),
    (".model n1 ako:n0 nmos vto=1", 5, "ako:", "Write all its parameters out"),
    (".model n1 ako: n0 nmos", 5, "ako:", "Write all its parameters out"),
    ("e1 o 0 laplace in 0 1 / 1 1u", 5, "LAPLACE", "R, C, L"),
    ("g1 o 0 LAPLACE in 0 1 / 1 1u", 5, "LAPLACE", "R, C, L"),
    ("e1 o 0 opamp in 0", 5, "OPAMP", "Write a gain"),
    ("e1 o 0 delay in 0 td=1n", 5, "DELAY", "chain of L and C"),
    (".ac dec 10 1 1k sweep monte=30", 5, "Monte Carlo", "ado yield"),
    (".tran 1n 1u sweep monte = 30", 5, "Monte Carlo", "ado yield"),
    (".dc monte=10", 5, "Monte Carlo", "ado yield"),
    (".tran 1n 1u sweep optimize=opt1 results=x model=m", 5, "optimization", "circuit.yaml"),
    (".tran 1n 1u sweep data=nowhere", 5, "no .data 'nowhere'", "there is none"),
    (".tran 1n 1u sweep vdd 1", 5, "unknown form", "sweep NAME START STOP STEP"),
    (".tran 1n 1u sweep vdd 1 2 1n", 5, "over 200 values", "Keep those that decide"),
    (".tran 1n 1u sweep vdd r1 2 1", 5, "variable", "sweep NAME"),
    (".tran 1n 1u sweep r1 1 2 1", 5, "changes the variable 'r1'", "other parameters"),
    (".tran 1n 1u sweep zork 1 2 1", 5, "changes 'zork'", "Give it a .param"),
    (".dc vdd 0 1 0.1\n.dc data=t", 6, ".data table", "sweep data=TABLE"),
    (".param gain=2\n.dc gain 0 1 0.1", 6, "sweeps the parameter 'gain'", "Sweep a source"),
    (".ac poi 2 1 10", 5, ".ac poi", "Use dec, oct or lin"),
    (".tran 1n 10n bogus=3", 5, ".tran with bogus", "Write `.tran STEP STOP`"),
    (".data t vdd\n1 2 x\n.enddata", 5, "values for 1 columns", "a number for each name"),
    (".data t vdd\n1 2\n.tran 1n 1u", 5, "without its .enddata", "Close it"),
    (".data t merge file='x' vdd=1\n.enddata", 5, "not read", "Write .data NAME"),
    (f"{TRAN}.alter\nr2 out 0 1k", 7, ".alter with 'r2 out 0 1k'", "change .param"),
    (f"{TRAN}.alter\n.param r1=2k", 6, "changes the variable 'r1'", "other parameters"),
    (f"{TRAN}.alter\n.param vdd='r1*2'", 7, "not constant", "Give it a number"),
    (f"{TRAN}.alter\n.lib 'other.l' ss", 7, "library other.l", "that the netlist itself names"),
    (f"{TRAN}.alter a\n.param vdd=1\n.alter b\n.temp 3", 8, "leaves open whether vdd", "Set it"),
    (f"{TRAN}.alter\n.temp -300", 6, "cannot be a corner", "Mend the value"),
    (f".param b='vdd/2'\n.if (b>0)\n.endif\n{TRAN}.alter\n.param vdd=1", 6, "depends on 'vdd'",
     "holds in all corners"),
    ("x1 a 0 s r1=3 vdd='2*vdd' k='vdd*2'\n.subckt s a b vdd=1 r1=1 k=1\n.ends", 5,
     "another value", "rename one of them"),
    (".if (r1>3)\n.endif", 5, "not constant: 'r1' is a variable", "keep the branch"),
    (".if (zork)\n.endif", 5, "not constant: 'zork' has no value", "keep the branch"),
    (".if (1)", 5, "without its .endif", "Close it"),
    (".endif", 5, "without an .if", "Remove it"),
    (".if (1)\n" * 30, 25, ".if over 20 deep", "Flatten it"),
    (".option scale=1u", 5, "scale=1u", "Write W and L in metres"),
    (".param w=opt1(1u,0.1u,10u)", 5, "optimization", "variable in circuit.yaml"),
    (".param f(x)='f(x)+1' k='f(1)'", 5, "without end", "functions above it"),
    (".param f(x)='x' k='f(1,2)'", 5, "takes 1 arguments, not 2", "functions above it"),
    (".lib models.l", 5, "section 'models.l' is defined here", ".lib FILE SECTION"),
    (".lib '../outside.l' tt", 5, "leads out of the circuit's folder", "Copy the file there"),
    (".inc '/etc/passwd'", 5, "leads out of the circuit's folder", "Copy the file there"),
    (".inc nowhere.sp", 5, "no such file", "add the file"),
    (".inc 'a b.sp'", 5, "blank in its name", "Rename it"),
    (".lib lib.l zz", 5, "has no section 'zz'", "Its sections are tt, ss"),
    (f"{TRAN}.meas tran x max par('foo(v(out))')", 6, "has foo", "plain functions"),
    (f"{TRAN}.meas tran x max i(r1)", 6, "the current of r1", "voltage source in series"),
    (f"{TRAN}.meas tran x find v(out) at='r1*1n'", 6, "'r1' is a variable", "Give it a number"),
    (f"{TRAN}.meas tran x param='foo(y)'", 6, "'foo' is not in", "metric's `expression`"),
    (f"{TRAN}.meas tran x param='y+'", 6, "no arithmetic", "metric's `expression`"),
    (".ac dec 1 1 10\n.meas ac x find 'vdb(a)-vdb(b)' at=1", 6, "expression in AC", "vdb(a,b)"),
    (".ac dec 1 1 10\n.meas ac x when vdb(out)='r1'", 6, "'r1' is a variable", "Give it a number"),
    (".meas noise x find onoise at=1", 5, "noise analysis", "op, ac, dc and tran"),
    (".control\nop\n.endc\n.control\nop", 8, "without its .endc", "Close it"),
    *(
        (f".control\n{command}\n.endc", 6, "command", cure)
        for command, cure in [
            ("shell rm -rf /", "nothing is run"),
            ("alter r1 = 3", "Make what it alters a .param"),
            ("alterparam vdd=3", "variable"),
            ("foreach i 1 2 3", "corners in circuit.yaml"),
            ("noise v(out) v1 dec 10 1 1k", "Analyses are"),
            ("fft v(out)", "meas tran"),
            ("source /etc/passwd", ".include of a file"),
            ("codemodel /tmp/evil.cm", "elements and models of ngspice"),
            ("pre_osdi evil.osdi", "models of ngspice"),
            ("cd /tmp", "Keep op, ac, dc, tran"),
            ("op; shell id", "one plain command"),
            ("print `id`", "one plain command"),
            ("echo hi `id`", "one plain command"),
            ("!id", "Keep op, ac, dc, tran"),
            ("load x.raw", "Keep op, ac, dc, tran"),
        ]
    ),
    (".control\nset temp=100\n.endc", 6, "set temp may change results", "an .options card"),
    (".control\nset ngbehavior=hsa\n.endc", 6, "may change results", "Remove it"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "line", "problem", "cure"), CORPUS)
def test_refused(lines: str, line: int, problem: str, cure: str) -> None:
    library = "* l\n.lib tt\n.endl\n.lib ss\n.endl\n"
    found = findings(HEAD + lines, lib__l=library)
    assert [(one.file, one.line) for one in found] == [("bench.sp", line)]
    assert problem in found[0].problem
    assert cure in found[0].cure


@pytest.mark.parametrize(
    ("netlist", "line", "problem"),
    [
        ("* t\nr1 a 0 1x\n", 2, "suffix x"),
        ("* t\n.param k=2x\n", 2, "suffix x"),
        ("* t\nm1 d g s b nch w=1u l='2x'\n", 2, "suffix x"),
    ],
)
def test_a_number_that_could_mean_two_things(netlist: str, line: int, problem: str) -> None:
    [found] = findings(netlist, syntax="")
    assert (found.line, "syntax: hspice" in found.cure) == (line, True)
    assert problem in found.problem


def test_names_with_an_x_are_no_numbers() -> None:
    text = "* t\nr1 1x 0 1k\nx1 2x 0 3x sub4x\n"
    assert circuit(text, syntax="").files["bench.sp"] == text


def test_corners_here_and_there() -> None:
    [found] = findings(HEAD + TRAN + ".temp 25 85\n", corners="corners:\n  - {name: a}\n")
    assert (found.line, found.problem) == (
        6,
        "this asks for 2 runs, and circuit.yaml lists corners",
    )


def test_what_two_testbenches_share_must_mean_one_thing() -> None:
    texts = files("* a\n.param k=1\n.inc c.inc\n", c__inc=".if (k==1)\n.endif\nr1 a 0 1\n")
    texts["two.sp"] = "* b\n.param k=2\n.inc c.inc\n"
    texts["c.inc"] = ".if (k==1)\nr1 a 0 1\n.endif\n"
    texts["circuit.yaml"] = texts["circuit.yaml"].replace(
        "netlist: bench.sp}\n", "netlist: bench.sp}\n  - {name: two, netlist: two.sp}\n"
    )
    with pytest.raises(CircuitError, match=r"two\.sp: c\.inc says one thing here"):
        load_files(texts)


def test_unknown_syntax() -> None:
    with pytest.raises(CircuitError, match=r"circuit\.yaml:3: unknown syntax 'spectre'"):
        circuit("* t\n", syntax="spectre")


def test_all_findings_come_together() -> None:
    found = findings(HEAD + ".connect a b\n.hdl x\n.control\nshell id\n.endc\n")
    assert sorted(one.line or 0 for one in found) == [5, 6, 8]


DEEP = "(" * 5000
BOMBS = {
    "digits": "r1 a 0 " + "1" * 90_000,
    "blanks": "r1 a" + " " * 1_000_000 + "0 1k",
    "brackets": f".meas tran x max par('{DEEP}')",
    "a_deep_condition": f".if {DEEP}\n.endif",
    "signs": ".if " + "-" * 3000 + "1\n.endif",
    "output": ".print v(a)\n" * 100_000,
    "alters": ".alter\n" * 100_000,
    "commands": ".control\n" + "print a\n" * 100_000 + ".endc\n",
    "tables": ".data t a\n" + "1\n" * 100_000 + ".enddata\n",
    "functions": ".func f0(x) {x+x}\n"
    + "".join(f".func f{n}(x) {{f{n - 1}(x)+f{n - 1}(x)}}\n" for n in range(1, 60))
    + ".param k='f59(1)'\n" * 2000,
    "params": "".join(f".param p{n}='p{n + 1}+p{n + 1}'\n" for n in range(60)) + ".if (p0)\n.endif",
    "formulas": "".join(f".meas tran m{n} param='m{n + 1}+m{n + 1}'\n" for n in range(5000)),
    "lets": ".control\n" + "".join(f"let a{n}=a{n + 1}*2\n" for n in range(20_000)) + ".endc",
    "conditions": ".if (1)\n" * 100_000,
    "continued": "r1 a 0 1k\n" + "+ 1\n" * 200_000,
    "a_long_line": "r1 a 0 '" + "k+" * 1_000_000 + "1'",
    "a_sweep": ".tran 1n 1u sweep vdd 0 1 1e-300",
    "a_power": ".if (9**9**9**9)\n.endif",
    "library": ".lib m.l a0\n",
    "quotes": "r1 a 0 " + "'" * 90_001,
    "equals": ".param " + "a=" * 40_000,
    "options": ".option " + "reltol " * 12_000,
}


@pytest.mark.parametrize("syntax", ["hspice", "ngspice"])
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_does_not_go_off(name: str, syntax: str) -> None:
    """It loads or is refused within the test's own time; nothing else comes of it."""
    many = "".join(f".lib a{n}\n.lib m.l a{n + 1}\n.endl\n" for n in range(3000))
    texts = files(HEAD + BOMBS[name], syntax=syntax, m__l=many)
    started = time.monotonic()
    with contextlib.suppress(CircuitError):
        load_files(texts)
    assert time.monotonic() - started < 60
