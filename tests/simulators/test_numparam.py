"""Expressions of parameters: every value is also worked out by ngspice, in both of its modes."""

from __future__ import annotations

import math
import pickle
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.netlist.numparam import ExpressionError, parse_formula
from tests.simulators.plain import HSA, printed

NAMES = {"a": 3.0, "b": 7.0, "lo_w": 4.2e-7, "x.y": 2.0}
EXPRESSIONS = """
1+2*3;2^3^2;2**3**2;-2^2;2^-1;2**-2;(-2)^2;(-2)^2.0;-a^2;a^b;2^0.5;-a**2;2*a^2;a**2*b;(-a)^4
pow(-2,3);pow(2,-3);pow(-2,2);pwr(-2,3);pwr(2,3);pwr(-8,1/3)
5%3;-5%3;5.5%2;10 % 4;2*3%4;8/4/2;8/4*2;1-2-3;2*-3;2+-3;2--3;3 - -2;+a;((a));2*(3+4)
1<2;2<=2;3>4;2>=3;1==1;1=1;1!=1;1<>2;1&&0;1||0;1&&1||0;!0;!5;!a==b;1+2<4;1<2==1;a>b||b>a
1?2:3;0?2:1?5:6;(a>b)?a:b;a>b ? a : b;1?-2:3;-1?2:3;a?b:1;ternary_fcn(1,2,3);ternary_fcn(0,2,3)
sqr(3);sqrt(2);exp(1);exp(-1)^2;ln(2);log(2);log10(2);abs(-3);sgn(-3);sgn(0);sgn(a-b)*2
sin(1);cos(1);tan(1);asin(0.5);acos(0.5);atan(0.5);arctan(0.5);4*atan(1)
sinh(1);cosh(1);tanh(1);asinh(1);acosh(2);atanh(0.5)
int(-2.7);int(2.7);floor(-2.5);floor(2.5);ceil(-2.5);ceil(2.5);int((a+1)/2)
nint(2.5);nint(3.5);nint(-2.5);nint(0.5);nint(1.5);nint(2.4)
min(1,2);max(1,2);max(a,b)*min(a,b)
1k;1meg;1MEG;1megohm;1Mil;10pF;5V;1x;1a;1t;1g;1f;1p;1n;1m;1u;1mA;100fF;2.5u*3;0.1n*2;1db;1e
1e-3k;1e3;1.e2;.5;1e+3;1.0e+00-2.5E-3;4.02367e-009;1e-15;123456789.123456789;1/3;0.1+0.2
agauss(1,0,3);gauss(2,0,3);89.1*b/a+443.5;A+B;a*1u;lo_w*1e6;2 * 3
(a==3)*3.2e+041 + (a==1)*3.5e+042;max(floor(0.5+(a-0.33)/0.36),1);0.7071*a*1e-06/sqrt(b*(a+1e-7))
"""
TABLE = [text for text in EXPRESSIONS.replace("\n", ";").split(";") if text]


@pytest.fixture(scope="module", params=["", HSA], ids=["plain", "hsa"])
def peer(request: pytest.FixtureRequest) -> dict[str, float]:
    """What ngspice makes of the table, in one process."""
    lines = ["* expressions", *(f".param {n}={v!r}" for n, v in NAMES.items() if "." not in n)]
    lines += [f"v{place} n{place} 0 {{{text}}}" for place, text in enumerate(TABLE)]
    found = printed("\n".join(lines), ["op", "print all"], request.param)
    return {text: found[f"n{place}"].real for place, text in enumerate(TABLE)}


@pytest.mark.parametrize("text", TABLE)
def test_the_value_is_ngspices(peer: dict[str, float], text: str) -> None:
    assert parse_formula(text).value(NAMES) == pytest.approx(peer[text], rel=1e-12, abs=1e-300)


def test_names_are_case_insensitive_and_none_is_a_constant() -> None:
    assert parse_formula("{W/Nf}").names == {"w", "nf"}
    assert parse_formula("'pi + e'").names == {"pi", "e"}  # to ngspice they are names like others
    with pytest.raises(ExpressionError, match="'pi' has no value"):
        parse_formula("pi").value({})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "an expression is empty"),
        ("{}", "an expression is empty"),
        ("1+", "ends too early"),
        ("1 2", "does not go on with '2.0'"),
        ("(1", "lacks a ')'"),
        ("1?2", "lacks a ':'"),
        (")", "has ')' where a value should be"),
        ("a;b", "has ';', which is no part of one"),
        ("`ls`", "has '`', which is no part of one"),
        ("2^--1", "has '-' where a value should be"),
        ("v(out)", "uses v(), which is no function of parameters"),
        ("__import__(1)", "uses __import__(), which is no function of parameters"),
        ("aunif(1,2)", "uses aunif(), which is not supported; use agauss()"),
        ("min(1)", "gives min() 1 arguments, it takes 2"),
        ("(" * 65 + "1" + ")" * 65, "over 64 brackets deep"),
        ("-(" * 200 + "1", "over 64 brackets deep"),
        ("1?" * 200 + "1", "over 64 brackets deep"),
    ],
)
def test_what_is_no_expression(text: str, said: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        parse_formula(text)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nope+1", "'nope' has no value"),
        ("1/0", "has no value: "),
        ("5%0", "has no value: "),
        ("sqrt(-1)", "has no value: "),
        ("ln(0)", "has no value: "),
        ("asin(2)", "has no value: "),
        ("exp(1000)", "has no value: "),
        ("1e308*10", "has no finite value"),
        ("(-2)^3", "a negative base with this exponent means different things; use pow()"),
        ("(-2)**0.5", "use pow()"),
        ("pow(-2,0.5)", "has no value: "),
        ("0^-1", "has no value: "),
    ],
)
def test_what_has_no_value(text: str, said: str) -> None:
    formula = parse_formula(text)
    with pytest.raises(ExpressionError) as raised:
        formula.value({})
    assert said in str(raised.value)


def test_a_negative_base_does_mean_different_things() -> None:
    """Why it is refused: should ngspice ever agree with itself, it need not be."""
    deck = "* powers\nv1 n1 0 {(-2)^3}"
    plain, hsa = (printed(deck, ["op", "print all"], init)["n1"] for init in ("", HSA))
    assert plain != hsa


def test_random_numbers_are_drawn_where_they_are_asked_for() -> None:
    formula = parse_formula("agauss(1, 0.3, 3) + gauss(2, 0.3, 3)")
    assert formula.random
    assert formula.value({}) == 3.0
    draws = iter([1.0, -2.0])
    assert formula.value({}, lambda: next(draws)) == pytest.approx(1 + 0.1 + 2 - 2 * 0.1 * 2)


def test_a_formula_survives_pickling() -> None:
    formula = parse_formula("{89.1*nf/w + agauss(0,1,1)}")
    again = pickle.loads(pickle.dumps(formula))
    assert again.names == formula.names
    assert again.random
    assert again.value({"nf": 2.0, "w": 3.0}) == formula.value({"nf": 2.0, "w": 3.0})


NUMBERS = st.floats(0.001, 1000).map(lambda number: f"{number:.6g}")
LEAVES = NUMBERS | st.sampled_from(["a", "b", "lo_w"])
TREES = st.recursive(
    LEAVES,
    lambda inner: st.tuples(st.sampled_from("+-*/"), inner, inner).map(
        lambda found: f"({found[1]}{found[0]}{found[2]})"
    ),
    max_leaves=20,
)


@given(TREES)
def test_arithmetic_is_pythons(text: str) -> None:
    try:
        expected = eval(text, {"__builtins__": {}}, dict(NAMES))
    except ZeroDivisionError:
        with pytest.raises(ExpressionError):
            parse_formula(text).value(NAMES)
        return
    if math.isfinite(expected):
        assert parse_formula(text).value(NAMES) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("text", ["1+" * 5_000 + "1", "-" * 5_000 + "1"])
def test_a_text_too_long(text: str) -> None:
    with pytest.raises(ExpressionError, match="has over 1000 numbers, names and signs"):
        parse_formula(text)


def test_the_longest_text() -> None:
    assert parse_formula("1+" * 499 + "1").value({}) == 500.0
    with pytest.raises(ExpressionError, match="too long; work it out in several parameters"):
        parse_formula("-" * 999 + "1").value({})


HOSTILE = ["1+", "a ", "((", "-", "1?1:", "a.", "9", "'", "{", "1e", "min(", " ", "!"]


@pytest.mark.parametrize("part", HOSTILE)
def test_hostile_text_takes_time_in_proportion(part: str) -> None:
    """Twenty times the text takes about twenty times as long, and not four hundred times."""
    short, long = _seconds(part * 2_500), _seconds(part * 50_000)
    assert long < 150 * short + 0.2


def _seconds(text: str) -> float:
    def once() -> float:
        clock = time.perf_counter()
        with suppress(ExpressionError):
            parse_formula.__wrapped__(text)
        return time.perf_counter() - clock

    return min(once() for _ in range(3))
