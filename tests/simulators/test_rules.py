from __future__ import annotations

import pytest

from tests.simulators.small import findings

GOOD = """
r1 a 0 1k
c1 a 0 {cl}
l1 a b 1n
v1 a 0 dc 1 ac 1 pulse(0 1 0 1n 1n 1u 2u)
i1 a 0 5u
e1 c 0 a b 0.5
b1 d 0 v=v(a)*2
g1 a 0 b 0 1m
m1 a b 0 0 nch w=1u l = 0.1u
m2 a b 0 0 0 nch
q1 a b 0 qn
d1 a 0 dm
j1 a b 0 jn
x1 a b two w=1u
x2 a b two params: w=2u
.subckt two p q w=3u
.param half={w/2} other = w * 2
r9 p q {half}
.ends
.model nch nmos level=14
+ vth0=0.4
.model qn npn(bf=100)
.model dm d
.model jn njf
.param x=1 y='2*x' z = 1 + 2
.options reltol=1e-4 method=gear gmin=1e-12
.option abstol = 1e-12
.nodeset v(a)=1
.ic v(b)=0
.global gnd
.temp 25
.save all
.op
.ac dec 10 1 1g
.dc v1 0 1 0.1
.tran 1n 1u
.meas ac gain find vdb(a) at=1
.end
""".strip().splitlines()


def test_a_netlist_of_all_that_is_allowed() -> None:
    assert findings(*GOOD) == []


@pytest.mark.parametrize(
    ("card", "problem"),
    [
        (".control", ".control is not allowed. Give analyses and measures as cards"),
        (".CONTROL", ".control is not allowed"),
        (".csparam x=1", ".csparam is not allowed. Allowed are"),
        (".func f(x)={x}", ".func is not allowed. Use `.param`"),
        (".if (1)", ".if is not allowed"),
        (".noise v(out) v1 dec 10 1 1g", ".noise is not allowed"),
        (".include two words.cir", ".include is not allowed. Write `.include FILE`"),
        ("a1 a b buf", "element A is not allowed. Use R C L K V"),
        ("n1 a b osdi", "element N is not allowed"),
        ("u1 nand(2) a b c d", "element U is not allowed"),
        ("p1 a b 0 c d 0 cpl", "element P is not allowed"),
        ("shell rm", "element S is not allowed"),
        ("r1 a 0 `id`", "characters that a netlist may not contain"),
        ("r1 a 0 x$(id)", "characters"),
        ("b1 a 0 v=v(a)>1", "characters"),
        ("r1 a 0 1|2", "characters"),
        ("r1 a 0 1\\2", "characters"),
        ("r1 a 0 1k\x07", "characters"),
        ("rä a 0 1k", "not ASCII"),
        ("r-1 a 0 1k", "'r-1' is no instance name"),
        (".options seed=3", "option 'seed' is not allowed. Allowed are"),
        (".options temp=85", "option 'temp' is not allowed. Set `temperature` of a corner"),
        (".option reltol=1e-4 hack", "option 'hack' is not allowed"),
        (".model n1 osdi", "model type 'osdi' is not allowed. Allowed are"),
        (".model n1", "model type '' is not allowed"),
        ("m1 a b 0 0 nope w=1u", "model 'nope' of m1 is not defined. Include the model card"),
        ("m1 a b", "m1 has 2 fields, it needs 4 nodes and a model"),
        ("q1 a b 0 nope", "model 'nope' of q1 is not defined"),
        ("x1 a b nope w=1", "subcircuit 'nope' is not defined. Include the file"),
        ("x1", "subcircuit '' is not defined"),
        (".subckt", ".subckt without a name"),
        (".subckt s a", ".subckt without its .ends. Close it"),
        (".ends", ".ends without a .subckt. Remove it"),
        (".param", "'.param' is no list of parameters. Write .param NAME=VALUE"),
        (".param x", "is no list of parameters"),
        (".param x=1 y", "is no list of parameters"),
        (".param f(x)={x}", "is no list of parameters"),
        (".param x=agauss(1, 0.1, 1)", "agauss is random"),
        ("v1 a 0 trnoise(1 1n)", "trnoise is random"),
        ("v1 a 0 dc 0 external", "external is random or comes from outside"),
    ],
)  # fmt: skip
def test_refused_with_file_line_and_cure(card: str, problem: str) -> None:
    found = findings("r8 a 0 1k", card)
    assert found, card
    assert problem in str(found[0])
    assert (found[0].file, found[0].line) == ("b.cir", 3)
    assert all(one.cure for one in found)


def test_a_second_analysis_of_a_kind() -> None:
    [found] = findings(".ac dec 1 1 10", ".op", ".ac lin 1 1 1")
    assert str(found) == "b.cir:4: a second .ac analysis. Give it a testbench of its own"


def test_node_names_that_look_like_functions_are_fine() -> None:
    assert findings("r1 limit external 1k", "r2 unif 0 1k") == []


def test_everything_is_said_at_once() -> None:
    assert [found.line for found in findings(".control", "a1 b c d", ".endc")] == [2, 3, 4]
