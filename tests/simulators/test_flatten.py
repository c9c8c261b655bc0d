"""Flattening: what a netlist does flat is what plain ngspice makes of the netlist itself."""

from __future__ import annotations

import pytest

from circuits.errors import CircuitError
from circuits.folder import LIBRARY
from tests.simulators.plain import HSA, TIGHT, flattened, operating_point, small_signal, worst

CARD = (LIBRARY.parent / "models" / "generic90.mod").read_text(encoding="utf-8")

NESTED = """
.param vs=2 k=3 gain={k*2}
v1 in 0 dc {vs} ac 1
x1 in out top g=2
rl out 0 1k
.subckt top a b g=1 h={g*k}
x2 a mid low r={g*1k}
x3 mid b low
.param q={h+1}
r9 mid 0 {q*100*gain}
.subckt low p n r=500
r1 p n {r}
c1 p n 1n
.ends
.ends
"""
OWN_PARAMETERS = """
v1 in 0 dc 1 ac 1
x1 in a cell w=3
x2 in b cell w=5 area=7
x3 in c cell
ra a 0 1k
rb b 0 1k
rc c 0 1k
.subckt cell p n w=1
.param area='w*2' per='area+w'
r1 p n r='100*area+per'
.ends
"""
SCOPES = """
.param w=7 z=11 q=13 l=5 k=100
v1 in 0 1
x1 in swap1 swap w=l l=w
x2 in swap2 swap w='w+1' l='w*2'
x3 in swap3 swap w='l+1' l='w*2'
x4 in swap4 swap w='l+1'
x5 in own1 own w='q'
x6 in own2 own w='z'
x7 in own3 own q=30
x8 in up1 up w=3
x9 in name1 outer k=2
xa in default1 behind
r1 swap1 0 1k
r2 swap2 0 1k
r3 swap3 0 1k
r4 swap4 0 1k
r5 own1 0 1k
r6 own2 0 1k
r7 own3 0 1k
r8 up1 0 1k
r9 name1 0 1k
ra default1 0 1k
.subckt swap i o w=1 l=2
r1 i o {w*100+l}
.ends
.subckt own i o w=1
.param q={w*2}
r1 i o {w*100+q}
.ends
.subckt up i o w=1 l=2
x1 i o area w='l*w' l='w'
.ends
.subckt area i o w=1 l=2 ad='w*l'
r1 i o {w*1000+l*100+ad}
.ends
.subckt outer i o k=1
x1 i o inner r={k}
.ends
.subckt inner i o r=1 k=5
r1 i o {r*1000+k}
.ends
.subckt behind i o k={w+1} w=2
r1 i o {k*100+w}
.ends
"""
MODELS_WITHIN = """
v1 in 0 dc 1 ac 1
x1 in a dio isx=1f
x2 in b dio isx=5f
x3 in c dio isx=1f
x4 in d other
r1 a 0 1k
r2 b 0 1k
r3 c 0 1k
r4 d 0 1k
.subckt dio p n isx=2f
d1 p n dm
.model dm d is={isx} n=1.1 cjo=1p
.ends
.subckt other p n
.model dm d(is=3f n=1.2)
d1 p n dm
.ends
"""
GLOBALS = """
.global vdd
v1 vdd 0 dc 1 ac 1
x1 a cell
x2 b cell
.subckt cell o
r1 vdd o 1k
r2 o 0 2k
r3 o gnd 3k
.ends
"""
STARTS = """
v1 in 0 dc 1 ac 1
.param guess=0.3
x1 in a cell
x2 in b cell
.subckt cell i o
r1 i m 1k
r2 m o 2k
r3 o 0 1k
c1 m 0 1n ic=0.2
.nodeset v(m)={guess} V(o)=0.1
.ic v(m)=0.5
.ends
.nodeset v(a)=0.1
"""
SOURCES = """
.param gain=3 vx=0.5
v1 in 0 dc 1 ac 1
x1 in out amp a={gain}
r1 out 0 1k
.subckt amp i o a=1
e1 x 0 i 0 {a}
g1 0 y i 0 {a*1m}
ry y 0 1k
vs x z 0
rz z 0 2k
f1 0 w vs 2
rw w 0 1k
h1 u 0 vs {a*100}
ru u 0 1k
b1 bo 0 v={a}*v(i)*v(x,y)+i(vs)*1k+vx
rb bo 0 1k
b2 0 bi i=v(i)^2*{a}*1m
rbi bi 0 1k
l1 p1 0 1u
l2 p2 0 4u
k1 l1 l2 0.8
rp1 i p1 10
rp2 p2 0 50
e2 o 0 value={v(bo)*a+v(w)}
e3 o3 0 vol='v(bo)+a'
ro3 o3 0 1k
g2 0 o4 cur='v(bo)*1m'
ro4 o4 0 1k
r5 i o5 r='1k*(1+v(i)*a)'
ro5 o5 0 1k
c5 i o5 c='1n*(1+v(i)*a)'
.ends
"""
POLYNOMIALS = """
.param g=2
v1 a 0 dc 1 ac 1
v2 b 0 dc 2
v3 c a dc 0.5
r3 c 0 1k
e9 top 0 poly(1) a 0 0 2 3
r9 top 0 1k
x1 a b c cell
.subckt cell a b c
e2 e2 0 poly(1) a b 3 1 2 0.5
r2 e2 0 1k
e3 e3 0 poly(2) (a,0) (b,0) 0 1 2 3 {g} 5 6 7 8 9
r3 e3 0 1k
e4 e4 0 POLY(3) a 0 b 0 c 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20
r4 e4 0 1k
e5 e5 0 poly(2) a 0 b 0 5
r10 e5 0 1k
g1 0 g1 poly(2) a 0 b 0 0 1m 2m 3m
r5 g1 0 1k
va x 0 1
ra x 0 1k
vb y 0 2
rb y 0 1k
f1 0 f1 poly(2) va vb 0 1 2 3
r6 f1 0 1k
h1 h1 0 poly(1) va 0 100 5k
r7 h1 0 1k
.ends
"""
CASE = """
.PARAM VS=2 K=3
V1 IN 0 DC {vs} AC 1
X1 IN Out TOP G=2
RL OUT 0 1K
.SUBCKT Top A B params: g=1
+ H={G*K}
X2 A Mid LOW R={g*1k}
R9 MID 0
+ {h*100}
* a comment amid
+

X3 mid b low
.Subckt Low P N PARAMS: r=500
R1 P N {R} $ behind
.ENDS low
.ends TOP
"""
PROBES = """
v1 in 0 dc 1 ac 1
x1 in o cell
b9 top 0 v=v(x1.m)*2+i(v.x1.vi)*1k
r9 top 0 1k
.subckt cell i o
vi i m 0
r1 m 0 1k
b1 o 0 v=v(i)+v(m,i)+i(vi)
ro o 0 1k
x2 m deep
.ends
.subckt deep p
r1 p q 1k
r2 q 0 1k
b1 z 0 v=V( q )*2
rz z 0 1k
.ends
"""
TEMPERATURE = """
v1 in 0 dc 1 ac 1
.param slope={1+1m*(temper-25)}
r1 in a {1k*slope}
r2 a 0 r='1k*slope*(1+v(a))'
x1 in b cell
rb b 0 1k
b1 c 0 v=temper*1m*v(a)
rc c 0 1k
.subckt cell i o
.param own='2+temper/100'
r1 i o r='own*1k'
.ends
"""
AREAS = """
v1 in 0 dc 1 ac 1
x1 in a cell ar=3
r1 a 0 1k
.subckt cell i o ar=1
d1 i o dm {ar}
d2 i o dm area={ar} m=2
q1 i i o qm area={ar}
j1 i o o jm area={ar}
.ends
.model dm d is=1f cjo=1p
.model qm npn is=1e-16 bf=100
.model jm njf vto=-1
"""
NAMED_M = """
.param m=4
v1 in 0 dc 1 ac 1
r1 in a {1k*m}
x1 a b cell
rb b 0 1k
.subckt cell i o
r1 i o {1k*m}
r2 i o 1k m=2
.ends
"""
PLAIN = {
    "nested": NESTED, "own parameters": OWN_PARAMETERS, "scopes": SCOPES,
    "models within": MODELS_WITHIN, "globals": GLOBALS, "starts": STARTS, "sources": SOURCES,
    "polynomials": POLYNOMIALS, "case": CASE, "probes": PROBES, "temperature": TEMPERATURE,
    "areas": AREAS, "named m": NAMED_M,
}  # fmt: skip
HOT = 85.0
"""Degrees Celsius of every netlist here, so that `temper` is not ngspice's default."""

MULTIPLIERS = """
v1 in 0 dc 1 ac 1
x1 in a outer m=2
x2 in b outer m=3 r=2k
x3 in c outer r=3k
x4 in d declared m=3
i1 0 a 1m
rla a 0 1k
rlb b 0 1k
rlc c 0 1k
rld d 0 1k
.subckt outer p n r=1k
x1 p q inner m=2
x2 q n inner r={r}
x3 q n declared m=2
x4 q n inner m={r/500}
r1 q 0 {r} m=3
.ends
.subckt declared p n m=1
r1 p n 1k
r2 p n 10k m={2*m}
x1 p n inner m={m}
.ends
.subckt inner p n r=4k
r1 p n {r}
c1 p n 1n m=2
l1 n nn 1u
rr nn n 1k
rs nn 0 1meg
i1 n 0 1u
g1 p n p n 1m
f1 p n v1 0.1
v1 p pp 0
r3 pp 0 10k
d1 n 0 dd
g2 p n cur='v(p,n)*1m'
r4 p n r='1k+v(p)'
.ends
.model dd d is=1f cjo=1p
"""
MOS_MULTIPLIERS = f"""
v1 d 0 dc 1
vg g 0 dc 0.6 ac 1
x1 d g o1 cell m=2
x2 d g o2 cell m=3 k=2
r1 o1 0 10k
r2 o2 0 10k
.subckt cell d g s k=1
m1 d g s 0 nch w=2u l=0.5u m={{k}}
m2 d g s 0 nch w=1u l=0.5u
.ends
{CARD}
"""
BINS = """
.param shift=0.01
v1 d 0 dc 1
vg g 0 dc 0.6 ac 1
m1 d g o1 0 nn w=2u l=0.5u
m2 d g o2 0 nn w=1u l=0.1u m=2
m3 d g o3 0 nn w=4u l=0.5u nf=4
m4 d g o5 0 nn w=1.5u l=3e-7
mp o6 g d d pp w=1u l=0.5u
x1 d g o4 cell w=3u
r1 o1 0 10k
r2 o2 0 10k
r3 o3 0 10k
r4 o4 0 10k
r5 o5 0 10k
r6 o6 0 10k
.subckt cell d g s w=1u
m1 d g s 0 nn w={w} l=0.1u
.ends
.model nn.1 nmos lmin=9e-8 lmax=3e-7 wmin=1e-7 wmax=1.5e-6 level=14 version=4.5 toxe=2n
+ u0=0.03 vth0=0.30
.model nn.2 nmos (lmin=9e-8 lmax=3e-7 wmin=1.5e-6 wmax=1e-4 level=14 version=4.5 toxe=2n
+ u0=0.03 vth0=0.33)
.model nn.3 nmos lmin=3e-7 lmax=2e-5 wmin=1e-7 wmax=1.5e-6 level=14 version=4.5 toxe=2n
+ u0=0.03 vth0={0.36+shift}
.model nn.4 nmos lmin=3e-7 lmax=2e-5 wmin=1.5e-6 wmax=1e-4 level=14 version=4.5 toxe=2n
+ u0=0.03 vth0='0.39+shift'
.model pp.1 pmos lmin=9e-8 lmax=2e-5 wmin=1e-7 wmax=1e-4 level=14 version=4.5 toxe=2n
+ u0=0.01 vth0=-0.3
"""


def largest_difference(text: str, init: str = "") -> tuple[float, str]:
    """Between the netlist flat and as it is, operating point and one frequency; and whose."""
    text = f"* netlist{text.rstrip()}\n{TIGHT}\n.temp {HOT}"
    flat, found = f"{flattened(text, {'temper': HOT})}\n.temp {HOT}", []
    for analysis in (operating_point, small_signal):
        ours, theirs = analysis(flat, init), analysis(text, init)
        # what ngspice itself puts beside behavioural elements has names of its own
        shown = [
            {n: v for n, v in one.items() if "_int" not in n and "#branch" not in n}
            for one in (ours, theirs)
        ]
        assert len(shown[0]) > 1
        found.append(worst(*shown))
    return max(found)


@pytest.mark.parametrize("name", PLAIN)
def test_flat_is_the_netlist(name: str) -> None:
    difference, node = largest_difference(PLAIN[name])
    assert difference < 1e-9, node


@pytest.mark.parametrize("text", [MULTIPLIERS, MOS_MULTIPLIERS], ids=["elements", "mos"])
def test_multipliers_multiply_as_in_hspice(text: str) -> None:
    """In its own mode ngspice loses multipliers below an instance that has one."""
    difference, node = largest_difference(text, HSA)
    assert difference < 1e-9, node


def test_bins_at_the_top_level() -> None:
    difference, node = largest_difference(BINS)
    assert difference < 1e-9, node


def test_bins_of_a_design() -> None:
    """The bins follow the design; a parameter of the model may too."""
    text = f"* bins{BINS.rstrip()}\n{TIGHT}".replace("w=2u", "w={wx}").replace("shift=0.01", "")
    text = text.replace(".param \n", "")
    for values in ({"wx": 1e-6, "shift": 0.0}, {"wx": 5e-6, "shift": 0.05}):
        given = "".join(f".param {name}={value!r}\n" for name, value in values.items())
        theirs = operating_point(text.replace("v1 d", f"{given}v1 d"))
        assert worst(operating_point(flattened(text, values)), theirs)[0] < 1e-9


def test_a_size_outside_of_all_bins() -> None:
    text = f"* bins{BINS}".replace("w=2u", "w=200u")
    with pytest.raises(ValueError, match="nn has no model for w=200 um") as raised:
        flattened(text)
    assert "it goes from w 0.1 to 100 um, l 0.09 to 20 um" in str(raised.value)


DIVIDER = "* divider\nv1 in 0 1\nr1 in out 1k\nr2 out 0 1k\n"


@pytest.mark.parametrize(
    ("cards", "place", "said"),
    [
        ("e1 x 0 table {v(in)}=(0,0) (1,1)", 5, "cannot be read. Write it as a B source"),
        ("e1 x 0 laplace {v(in)}={1/(1+s)}", 5, "cannot be read"),
        ("e1 x 0 poly(1) in 0 3", 5, "cannot be read"),
        ("e1 x 0 poly(2) in 0 out", 5, "cannot be read"),
        ("g1 x 0 poly(0) 1", 5, "cannot be read"),
        ("f1 x 0 poly(1) v1 0 1 scale=2", 5, "cannot be read"),
        ("m1 d g s b nope w=1u l=1u", 5, "cannot be read"),
        ("r9 out 0 {nope}", 5, "'nope' has no value"),
        ("r9 out 0 w=nope*2 r='w'", 5, "'w' has no value"),
        ("x1 in out cell\n.subckt cell a\nr1 a 0 1k\n.ends", 5, "it has 1 ports"),
        ("x1 in nothing", 5, "does not fit its subcircuit"),
        ("x1 in cell r={nope}\n.subckt cell a r=1\nr1 a 0 {r}\n.ends", 5, "'nope' has no value"),
        (".subckt cell a w={l} l={w}\nr1 a 0 {l}\n.ends\nx1 in cell", 8, "refers to itself"),
        (".subckt cell a\nr1 a 0 {1/0}\n.ends\nx1 in cell", 6, "has no value"),
        (".subckt cell a k=1\nd1 a 0 dm\n.model dm d is={no}\n.ends\nx1 in cell", 7, "'no' has no"),
        ("m1 in in 0 0 nn\n.model nn.1 nmos lmin=1 lmax=2 wmin=1", 6, "and this has no wmax"),
        (".model nn.1 nmos lmin={a} lmax=2 wmin=1 wmax=2", 5, "'a' has no value"),
        (".model nn.1 nmos lmin=1 lmax=2 wmin=1 wmax=2 vth0={a}", 5, "'a' has no value"),
        (".model nn.1 nmos lmin=1 lmax=2 wmin=1 wmax=2 vth0={a+}", 5, "ends too early"),
        (".param t=temper\nr9 in 0 {t}\n.dc temp 0 100 10", 7, "parameters that hang on `temper`"),
    ],
)
def test_what_cannot_be_flattened(cards: str, place: int, said: str) -> None:
    with pytest.raises(CircuitError) as raised:
        flattened(DIVIDER + cards)
    [finding] = raised.value.findings
    assert (finding.file, finding.line) == ("b.cir", place)
    assert said in str(finding)


def test_a_sweep_of_temperature_reaches_behavioural_sources() -> None:
    flat = flattened(f"{DIVIDER}b1 x 0 v=temper*v(out)\n.dc temp 0 100 10")
    assert "temper" in flat
