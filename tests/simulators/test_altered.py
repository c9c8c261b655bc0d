"""Which lines may be altered in place, and that a real ngspice then gives a reload's bits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from simulators.ngspice.altered import alterations, outline
from simulators.ngspice.engine import Engine
from simulators.ngspice.host_process import HostProcess
from simulators.ngspice.job import BenchNumbers, BenchReply, BenchTemplate
from simulators.ngspice.library import NgspiceLibrary
from simulators.ngspice.nursery_process import NurseryProcess

COMMAND = re.compile(r"alter [A-Za-z0-9_.#:@\[\]]+ = \[ [-+.\deE]+ \]")


def between(old: str, new: str) -> list[str] | None:
    return alterations(outline(old.splitlines()), outline(new.splitlines()))


@pytest.mark.parametrize(
    ("old", "new", "commands"),
    [
        ("r1 a b 4000.0", "r1 a b 1e+03", ["alter r1 = [ 1e+03 ]"]),
        ("c.xdut.cc a b 2e-12", "c.xdut.cc a b 3e-12", ["alter c.xdut.cc = [ 3e-12 ]"]),
        ("v1 a 0 1.8 ac 1", "v1 a 0 -1.9 ac 1", ["alter v1 = [ -1.9 ]"]),
        ("v1 a 0 dc 0.9 ac 1", "v1 a 0 dc 1 ac 1", ["alter v1 = [ 1 ]"]),
        ("e1 a 0 b 0 0.5", "e1 a 0 b 0 0.25", ["alter @e1[gain] = [ 0.25 ]"]),
        ("f1 a 0 v1 2.0", "f1 a 0 v1 3.0", ["alter @f1[gain] = [ 3.0 ]"]),
        (
            "m.x1.m1 d g s b nch_1 w=1e-06 l=5e-07",
            "m.x1.m1 d g s b nch_1 w=2e-06 l=6e-07",
            ["alter @m.x1.m1[w] = [ 2e-06 ]", "alter @m.x1.m1[l] = [ 6e-07 ]"],
        ),
        ("r1 a b 4000.0\nr2 a 0 1.0", "r1 a b 4000.0\nr2 a 0 2.0", ["alter r2 = [ 2.0 ]"]),
        ("r1 a b 4000.0", "r1 a b 4000.0", []),
    ],
)
def test_numbers_that_are_altered(old: str, new: str, commands: list[str]) -> None:
    assert between(old, new) == commands


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("m1 d g s b nch_1_tt w=1e-06", "m1 d g s b nch_2_tt w=3e-06"),  # another bin
        ("@nch_1_tt", "@nch_2_tt"),
        (".temp 27.0", ".temp 85.0"),
        (".options reltol=1e-4", ".options reltol=1e-3"),
        (".nodeset v(a)=1.0", ".nodeset v(a)=2.0"),
        (".tran 1e-09 1e-06", ".tran 2e-09 1e-06"),
        (".model n nmos vto=0.5", ".model n nmos vto=0.6"),
        ("r1 a b 1k", "r1 a b 2k"),  # not of our making
        ("r1 a b 1.0 tc1=0.1", "r1 a b 1.0 tc1=0.2"),
        ("r1 a b nan", "r1 a b inf"),
        ("r1 a b 1.0", "r1 a c 1.0"),
        ("v1 a 0 1.0 ac 1.0", "v1 a 0 1.0 ac 2.0"),
        ("v1 a 0 pulse(0 1 1e-09)", "v1 a 0 pulse(0 1 2e-09)"),
        ("e1 a 0 vol='v(b)*1.0'", "e1 a 0 vol='v(b)*2.0'"),
        ("b1 a 0 v=1.0", "b1 a 0 v=2.0"),
        ("q1 c b e n 1.0", "q1 c b e n 2.0"),
        ("k1 l1 l2 0.5", "k1 l1 l2 0.6"),
        ("m1 d g s b n w=1e-06 sca=1.0", "m1 d g s b n w=1e-06 sca=2.0"),
        ("m1 d g s b n w=1e-06", "m1 d g s b n w=1e-06 l=1e-06"),
        ("r$1 a b 1.0", "r$1 a b 2.0"),
        ("r1 a b 1.0", "r1 a b 1.0\nr2 a b 1.0"),
    ],
)
def test_all_else_is_a_reload(old: str, new: str) -> None:
    assert between(old, new) is None


@pytest.mark.parametrize("name", ["r1;shell", "r`id`", "r1$x", "r\\x", "r{x}", "rä", "r1>f"])
def test_only_plain_names_reach_a_command(name: str) -> None:
    assert between(f"{name} a b 1.0", f"{name} a b 2.0") is None


MODELS = {
    "one": ".model one nmos level=1 vto=0.5 kp=1e-4 lambda=0.1 rsh=10 cj=1e-3 cjsw=1e-9 cgso=1e-10",
    "eight": ".model eight nmos level=8 version=3.3 tox=4e-9 vth0=0.4 rsh=10",
    "four": ".model four nmos level=54 version=4.5 toxe=4e-9 vth0=0.4 rsh=10 rgeomod=1 geomod=0",
}
REST = """vd d 0 1.5
vg g 0 dc 0.9 ac 1
r1 d x 5000.0
c1 x 0 2e-12
l1 x y 1e-06
r2 y 0 3000.0
i1 0 x 1e-05
e1 ea 0 x 0 0.5
g1 0 ga x 0 0.001
rg ga 0 1000.0
f1 0 fa vd 0.5
rf fa 0 1000.0
h1 ha 0 vd 100.0
rh ha 0 1000.0
re ea 0 1000.0"""
SIZES = {"w": "4e-06", "l": "6e-07", "m": "2.0", "nf": "2.0", "ad": "1e-12", "as": "1e-12",
         "pd": "3e-06", "ps": "3e-06", "nrd": "0.5", "nrs": "0.5", "sa": "5e-07", "sb": "5e-07",
         "sd": "1e-07", "delvto": "0.01"}  # fmt: skip
KNOWN = {"one": 9, "eight": 10, "four": 14}
"""How many of these each model has, `delvto` being unknown to level 1, `nf` to both others."""
OUTPUTS = ("x", "s", "ea", "ga", "fa", "ha")


def template(fast: bool) -> BenchTemplate:
    measures = [(f"{kind}_{node}", "ac") for node in OUTPUTS for kind in ("re", "im")]
    return BenchTemplate(
        name="kinds", body=[], analyses=["op", "ac"], measures=measures,
        devices=[("m1", "m.xdut.m1")], models=dict(MODELS), nodes=True,
        unchecked=False, fast=fast,
    )  # fmt: skip


def deck(model: str, sizes: dict[str, str], rest: str = REST) -> list[str]:
    given = " ".join(f"{name}={value}" for name, value in sizes.items())
    asks = [
        f".meas ac {kind}_{node} find v{kind[0]}({node}) at=1e6"
        for node in OUTPUTS
        for kind in ("re", "im")
    ]
    return [f"m.xdut.m1 x g s 0 {model} {given}", "rs s 0 100.0", *rest.splitlines(),
            ".options reltol=1e-4", ".op", ".ac dec 5 1e3 1e9", *asks, f"@{model}",
            ".temp 27.0"]  # fmt: skip


@pytest.fixture(scope="module")
def nursery() -> Iterator[NurseryProcess]:
    found = NurseryProcess()
    yield found
    found.close()


class Pair:
    """A host that alters beside one that reloads."""

    def __init__(self, nursery: NurseryProcess) -> None:
        self.hosts = [HostProcess([template(fast)], nursery) for fast in (True, False)]

    def ask(self, lines: list[str]) -> tuple[BenchReply, BenchReply]:
        task = [BenchNumbers(bench=0, lines=lines)]
        altered, reloaded = (host.run(task, 10.0)["decks"][0] for host in self.hosts)
        return altered, reloaded

    def close(self) -> None:
        for host in self.hosts:
            host.close()


@pytest.fixture
def pair(nursery: NurseryProcess) -> Iterator[Pair]:
    found = Pair(nursery)
    yield found
    found.close()


def changed(line: str, old: str) -> str:
    """The line with its number half as large again."""
    return line.replace(old, repr(float(old) * 1.5))


@pytest.mark.parametrize("model", MODELS)
def test_each_parameter_of_a_mos(pair: Pair, model: str) -> None:
    """Those that a model knows; what it does not know fails alike."""
    known = 0
    for name in SIZES:
        sizes = {key: SIZES[key] for key in ("w", "l", name)}
        other = {**sizes, name: repr(float(sizes[name]) * 1.5)}
        first, second = deck(model, sizes), deck(model, other)
        commands = between("\n".join(first), "\n".join(second))
        assert commands == [f"alter @m.xdut.m1[{name}] = [ {other[name]} ]"]
        assert COMMAND.fullmatch(commands[0])
        before, reference = pair.ask(first)
        assert before == reference
        altered, reloaded = pair.ask(second)
        assert altered == reloaded
        if reloaded["failure"] is None:
            assert altered["measures"]
            assert altered["nodes"]
            known += 1
        assert pair.ask(first)[0] == before
    assert known == KNOWN[model]


VALUES = [line for line in REST.splitlines() if "ac 1" not in line and line[:2] not in ("re", "rh")]
"""Lines whose last word decides something; behind an ideal voltage a load does not."""


@pytest.mark.parametrize("line", VALUES)
def test_the_value_of_each_kind_of_element(pair: Pair, line: str) -> None:
    sizes = {"w": SIZES["w"], "l": SIZES["l"]}
    number = line.split()[-1]
    other = changed(line, number)
    commands = between(line, other)
    assert commands is not None
    assert len(commands) == 1
    assert COMMAND.fullmatch(commands[0])
    before, _ = pair.ask(deck("four", sizes))
    altered, reloaded = pair.ask(deck("four", sizes, REST.replace(line, other)))
    assert altered == reloaded
    assert altered["failure"] is None
    assert altered != before


def test_the_dc_value_beside_an_ac_value(pair: Pair) -> None:
    sizes = {"w": SIZES["w"], "l": SIZES["l"]}
    before, _ = pair.ask(deck("four", sizes))
    altered, reloaded = pair.ask(deck("four", sizes, REST.replace("dc 0.9", "dc 0.8")))
    assert altered == reloaded != before
    altered, reloaded = pair.ask(deck("four", sizes, REST.replace("ac 1", "ac 2")))
    assert altered == reloaded != before


class Counting(NgspiceLibrary):
    """Counts what is loaded."""

    loads = 0

    def circuit(self, lines: Sequence[bytes]) -> None:
        self.loads += 1
        super().circuit(lines)


def _loads(decks: list[list[str]], most: int) -> tuple[int, list[BenchReply]]:
    """How often an engine that keeps `most` circuits loads one for these decks."""
    library = Counting()
    engine = Engine(library, most)
    replies = [engine.run(template(True), lines) for lines in decks]
    return library.loads, replies


def loads(decks: list[list[str]], most: int = 32) -> tuple[int, list[BenchReply]]:
    """The same in a process of its own: one process has one libngspice."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_loads, decks, most).result(60)


def test_altering_is_what_happens() -> None:
    """No test above passes only because the engine falls back to a reload."""
    sizes = dict(SIZES)
    del sizes["m"]  # beside nf
    decks = [deck("four", sizes)]
    for name in sizes:
        sizes = {**sizes, name: repr(float(sizes[name]) * 1.1)}
        decks.append(deck("four", sizes))
    decks += [deck("four", sizes, REST.replace(line, changed(line, line.split()[-1])))
              for line in VALUES]  # fmt: skip
    count, replies = loads(decks)
    assert count == 1
    assert all(reply["failure"] is None for reply in replies)


def test_circuits_that_lay_unused_longest_go_first(pair: Pair) -> None:
    sizes = {"w": SIZES["w"], "l": SIZES["l"]}
    one, eight, four = (deck(model, sizes) for model in MODELS)
    turns = [one, eight, one, four, one, eight, four]
    count, replies = loads(turns, most=2)
    assert count == 5  # `one` stays all the time until `eight` and `four` are used last
    assert replies == [pair.ask(lines)[1] for lines in turns]


def test_a_failure_leaves_no_circuit_behind(pair: Pair) -> None:
    sizes = {"w": SIZES["w"], "l": SIZES["l"]}
    good, other = deck("four", sizes), deck("one", sizes)
    bad = [*good[:-1], "rx x 0 nomodel w=1", good[-1]]
    lost = [*good[:-1], "b1 z 0 i=exp(40*v(z))*1e3+1", good[-1]]
    turns = [good, other, bad, good, other, lost, good, other, good]
    count, replies = loads(turns)
    assert [reply["failure"] for reply in replies].count(None) == 7
    assert replies == [pair.ask(lines)[1] for lines in turns]
    assert count == 6  # a refused deck costs all that was kept, one that does not converge itself


@pytest.mark.parametrize("value", ["0.0", "-5.0", "1e-30", "1e30", "12345678.901234567"])
def test_odd_values(pair: Pair, value: str) -> None:
    sizes = {"w": SIZES["w"], "l": SIZES["l"]}
    for line in ("r1 d x 5000.0", "c1 x 0 2e-12", "l1 x y 1e-06", "i1 0 x 1e-05"):
        pair.ask(deck("four", sizes))
        other = line.rsplit(" ", 1)[0] + " " + value
        altered, reloaded = pair.ask(deck("four", sizes, REST.replace(line, other)))
        assert altered == reloaded, line
