"""What a measure looks at: vectors as ngspice has them, and helper sources for all else."""

from __future__ import annotations

import re
from dataclasses import dataclass

from circuits.importer.netlist import Netlist
from circuits.importer.sheet import Card

_VECTOR = re.compile(
    r"(?P<kind>v|vm|vdb|vp|vr|vi|i|im|idb|ip|ir|ii)\s*"
    r"\(\s*(?P<first>[\w.#+\-!]+)\s*(?:,\s*(?P<second>[\w.#+\-!]+)\s*)?\)",
    re.IGNORECASE,
)
_DIFFERENCE = re.compile(r"v\s*\(\s*([\w.#!]+)\s*\)\s*-\s*v\s*\(\s*([\w.#!]+)\s*\)", re.IGNORECASE)
_CALL = re.compile(r"([a-z_]\w*)\s*\(", re.IGNORECASE)
_FUNCTIONS = frozenset(
    "v i abs sqrt exp log ln log10 sin cos tan atan min max pow pwr sgn int floor ceil".split()
)
_SAFE = re.compile(r"[\w.#+\-*/^(), ]+")
_KINDS = {"m": "vm", "db": "vdb", "p": "vp", "r": "vr", "i": "vi", "": "v"}
_HAS_CURRENT = "vlhe"
_CURRENT_CURE = "Measure i() of a voltage source in series, one of 0 V if there is none"


class SignalError(Exception):
    """A signal that cannot be measured: problem and cure."""

    def __init__(self, problem: str, cure: str) -> None:
        super().__init__(problem)
        self.cure = cure


@dataclass(frozen=True, slots=True)
class Signal:
    """A vector of ngspice.

    Attributes:
        text: such as `vdb(out)`.
        degrees: whether the user means degrees where ngspice gives radians.
    """

    text: str
    degrees: bool = False


class Probes:
    """Finds or makes the vectors of one measure card.

    A difference becomes a controlled source that loads nothing, other expressions a B source, a
    current in AC a current-controlled source. They are added at the end of the card's file.

    Args:
        netlist: of the card.
        card: the measure.
        analysis: `ac`, `dc` or `tran`.
    """

    def __init__(self, netlist: Netlist, card: Card, analysis: str) -> None:
        self._netlist = netlist
        self._card = card
        self._analysis = analysis
        self._made = 0

    def signal(self, text: str) -> Signal:
        """The vector for what a measure names.

        Args:
            text: `v(out)`, `vdb(a,b)`, `par('v(a)-v(b)')`, `'i(v1)*2'`, or the name of a `let`.

        Raises:
            SignalError: nothing in ngspice gives it.
        """
        inner = _unquoted(text)
        expression = self._netlist.lets.get(inner.lower(), inner)
        match = _VECTOR.fullmatch(expression)
        if match is not None:
            return self._vector(match)
        if inner == text.strip() and expression is inner:
            return Signal(text)  # `time`, `@m1[gm]`, a plain name: as it is
        difference = _DIFFERENCE.fullmatch(expression)
        if self._analysis == "ac":
            problem = f"an expression in AC, {expression!r}"
            cure = "Measure vdb(a,b), or each part, and combine them in a metric's expression"
            raise SignalError(problem, cure)
        if difference is not None:
            nodes = f"{_grounded(difference[1])} {_grounded(difference[2])}"
            return Signal(f"v({self._add('e', f'{nodes} 1')})")
        return self.expression(expression)

    def expression(self, expression: str) -> Signal:
        """A B source of an expression over vectors and parameters (DC and transient).

        Raises:
            SignalError: it is none.
        """
        called = {name.lower() for name in _CALL.findall(expression)}
        if len(expression) > 1000 or not _SAFE.fullmatch(expression) or called - _FUNCTIONS:
            unknown = ", ".join(sorted(called - _FUNCTIONS)) or "other signs than + - * / ( )"
            cure = "Use v(), i(), numbers, parameters and plain functions"
            raise SignalError(f"the expression {expression[:80]!r} has {unknown}", cure)
        node = self._add("b", f"v='{expression}'")
        return Signal(f"v({node})")

    def _vector(self, match: re.Match[str]) -> Signal:
        kind, first, second = match["kind"].lower(), match["first"], match["second"]
        if kind[0] == "i" and kind != "ii":
            return self._current(kind[1:], first, second)
        if kind == "ii":
            return self._current("i", first, second)
        kind = "vm" if kind == "v" and self._magnitude else kind
        first = _grounded(first)
        if second is not None:
            first = self._add("e", f"{first} {_grounded(second)} 1")
        return Signal(f"{kind}({first})", degrees=kind == "vp" and self._netlist.degrees)

    def _current(self, part: str, name: str, second: str | None) -> Signal:
        element = name.lower().rsplit(".", 1)[-1]
        if second is not None or element[0] not in _HAS_CURRENT:
            raise SignalError(f"the current of {name}, which ngspice does not keep", _CURRENT_CURE)
        if "." in name and self._netlist.hspice:
            name = f"{element[0]}.{name}"
        part = "m" if not part and self._magnitude else part
        if self._analysis != "ac":
            return Signal(f"i({name})")
        if "." in name:
            raise SignalError(f"the AC current of {name}, within a subcircuit", _CURRENT_CURE)
        kind = _KINDS[part]
        return Signal(
            f"{kind}({self._add('h', f'{name} 1')})", kind == "vp" and self._netlist.degrees
        )

    @property
    def _magnitude(self) -> bool:
        """Whether v() is the magnitude: HSPICE's way in AC; ngspice takes the real part."""
        return self._analysis == "ac" and self._netlist.hspice

    def _add(self, letter: str, rest: str) -> str:
        """Add a helper source; the node that has its value."""
        self._made += 1
        file = re.sub(r"\W", "_", self._card.sheet.file.lower())
        node = f"probe_{file}_{self._card.line}_{self._made}"
        self._card.sheet.add(f"{letter}{node} {node} 0 {rest}")
        return node


def _grounded(node: str) -> str:
    return "0" if node.lower() in {"gnd!", "ground", "ground!"} else node


def _unquoted(text: str) -> str:
    text = text.strip()
    if text.lower().startswith("par(") and text.endswith(")"):
        text = text[4:-1].strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1].strip()
    return text
