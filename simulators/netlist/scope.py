"""Parameters of one subcircuit instance: what is a number already, and what each design decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from simulators.netlist.numparam import Draw, ExpressionError, Formula

Given = tuple[str, Formula, bool]
"""A parameter: its name, its formula, and whether that is read in the parent's scope."""


class ParameterError(ExpressionError):
    """A parameter without a value.

    Attributes:
        name: of the parameter.
    """

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        super().__init__(problem)


@dataclass(slots=True)
class Scope:
    """One level of a netlist's hierarchy, the top or an instance.

    Attributes:
        path: `xdut.` for the instance xdut of the top level, empty for the top.
        parent: index of the scope around it; -1 for the top.
        known: values that no design changes, those of the scopes around it included.
        open: names of the scopes around it and its own that a design changes.
        steps: own parameters that a design changes, in an order that can be worked out.
        multiplied: whether its elements are there `m` times, as an instance's `m=` says.
    """

    path: str
    parent: int
    known: dict[str, float]
    open: frozenset[str]
    steps: tuple[Given, ...] = ()
    multiplied: bool = False

    def environment(self, parent: Mapping[str, float], draw: Draw) -> Mapping[str, float]:
        """Values by name for one design.

        Args:
            parent: the environment of the scope around it.
            draw: standard normal numbers of this instance.

        Raises:
            ExpressionError: a parameter has no value for this design.
        """
        if not self.steps and not self.known:
            return parent
        found = {**parent, **self.known}
        for name, formula, outside in self.steps:
            found[name] = formula.value(parent if outside else found, draw)
        return found


def make_scope(
    path: str, parent: int, around: Scope | None, given: Iterable[Given], free: Iterable[str] = ()
) -> Scope:
    """A scope with its parameters folded as far as no design changes them.

    Args:
        path: see `Scope`.
        parent: index of the scope around.
        around: that scope; None at the top.
        given: its parameters.
        free: names whose values each design brings (top only).

    Raises:
        ExpressionError: parameters that refer to each other in a circle, or to nothing.
    """
    outer = around.known if around is not None else {}
    outer_open = around.open if around is not None else frozenset(free)
    ordered = _ordered(list(given), {*outer, *outer_open})
    own = {name for name, _, _ in ordered}
    known: dict[str, float] = {}
    opened = set(outer_open) - own
    steps = []
    for name, formula, outside in ordered:
        seen = outer if outside else {**outer, **known}
        hangs = outer_open if outside else opened
        if formula.random or formula.names & hangs:
            opened.add(name)
            steps.append((name, formula, outside))
        else:
            known[name] = _value(name, formula, seen)
    kept = {name: value for name, value in {**outer, **known}.items() if name not in opened}
    return Scope(path, parent, kept, frozenset(opened), tuple(steps))


def _value(name: str, formula: Formula, seen: Mapping[str, float]) -> float:
    try:
        return formula.value(seen)
    except ExpressionError as error:
        raise ParameterError(name, str(error)) from error


def _ordered(given: list[Given], outside: set[str]) -> list[Given]:
    """The parameters so that each comes after those it refers to; a later one replaces its name."""
    last = {name: (name, formula, out) for name, formula, out in given}
    done: dict[str, Given] = {}
    within: set[str] = set()

    def visit(name: str) -> None:
        if name in done:
            return
        if name in within:
            raise ParameterError(name, f"parameter {name!r} refers to itself")
        within.add(name)
        _, formula, out = last[name]
        for other in () if out else sorted(formula.names):
            if other in last and other != name:
                visit(other)
            elif other not in outside and other not in last:
                raise ParameterError(name, f"parameter {name!r}: {other!r} has no value")
        done[name] = last[name]

    for name in last:
        visit(name)
    return list(done.values())
