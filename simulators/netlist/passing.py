"""Parameters on their way to an element: given, overridden by instances, multiplied, scaled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from simulators.netlist.assignments import split_assignments
from simulators.netlist.numparam import ExpressionError, Formula, parse_formula
from simulators.netlist.scope import Given, ParameterError, Scope
from simulators.netlist.subckt import Subckt

_NO_MULTIPLIER = frozenset("bvehk")
GEOMETRY = {"w": 1, "l": 1, "ps": 1, "pd": 1, "sa": 1, "sb": 1, "sd": 1, "as": 2, "ad": 2}


def formulas(given: Iterable[tuple[str, str]]) -> list[Given]:
    """Parameters of a scope's own, parsed."""
    return [(name, _parsed(name, text), False) for name, text in given]


def _parsed(name: str, text: str) -> Formula:
    try:
        return parse_formula(bare(text))
    except ExpressionError as error:
        raise ParameterError(name, str(error)) from error


def assigned(text: str) -> list[tuple[str, str]]:
    """(name, bare expression) of the assignments in `text`."""
    return [(name, bare(value)) for name, value in split_assignments(text)[1]]


def bare(text: str) -> str:
    """Without quotes, braces as brackets."""
    return re.sub(r"['\"]", "", text).replace("{", "(").replace("}", ")")


def overridden(body: Subckt, passed: list[tuple[str, str]], around: Scope) -> list[Given]:
    """The subcircuit's parameters, those that the instance gives in the instance's place.

    As in ngspice, what an instance gives is read among the subcircuit's own parameters, and its
    own name and what the subcircuit does not know in the scope around. xschem's sky130 symbols
    need it: `W=1 nf=2 ad='int((nf+1)/2) * W/nf * 0.29'`.
    """
    texts = dict(passed)
    if around.multiplied:
        texts["m"] = f"({texts['m']})*m" if "m" in texts else "m"
    inner = {name: (name, one, False) for name, one, _ in formulas(body.params)}
    inner |= {name: (name, parse_formula(text), False) for name, text in texts.items()}
    for name in [one for one in inner if one in texts]:
        formula = inner[name][1]
        known = formula.names & inner.keys() - {name}
        if not known or _circular(name, inner):
            inner[name] = (name, formula, True)
    return list(inner.values())


def _circular(name: str, given: Mapping[str, Given]) -> bool:
    """Whether the parameter refers to itself by way of others."""
    queue = list(given[name][1].names & given.keys() - {name})
    seen = set(queue)
    while queue:
        _, formula, outside = given[queue.pop()]
        others = set() if outside else formula.names & given.keys() - seen
        if name in others:
            return True
        seen |= others
        queue += others
    return False


def multiplied(text: str, letter: str, scope: Scope) -> str:
    """The multiplier of the instances around, put on the element as HSPICE does.

    ngspice does so in its compatibility modes; without one it loses the element's own.
    """
    if letter in _NO_MULTIPLIER or not scope.multiplied:
        return text
    head, given = split_assignments(text)
    own = dict(given).get("m")
    kept = [f"{name}={value}" for name, value in given if name != "m"]
    factor = "{m}" if own is None else f"{{({bare(own)})*m}}"
    return " ".join([head, *kept, f"m={factor}"])


def scaled(text: str, scale: float) -> str:
    """An element's sizes, given in units of `scale` metres, in metres."""
    head, given = split_assignments(text)
    parts = [
        f"{name}={{({bare(value)})*{scale ** GEOMETRY[name]!r}}}"
        if name in GEOMETRY
        else f"{name}={value}"
        for name, value in given
    ]
    return " ".join([head, *parts])
