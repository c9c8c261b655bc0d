"""Which names of a netlist are constant, and what they are worth."""

from __future__ import annotations

from collections.abc import Mapping

from circuits.importer.arithmetic import ArithmeticTextError, Node, read_arithmetic

_DEPTH = 40


class Constants:
    """Values of `.param` names, as far as they do not depend on what is sized.

    Args:
        given: parameters of circuit.yaml, SI units; they replace the netlist's.
        variables: names that are sized, and so have no constant value.
    """

    def __init__(self, given: Mapping[str, float], variables: frozenset[str]) -> None:
        self._given = given
        self._variables = variables
        self._texts: dict[str, str] = {}
        self._known: dict[str, tuple[float, frozenset[str]]] = {}
        self.used: set[str] = set()
        """Names whose value was asked for, directly or within another."""

    def __contains__(self, name: str) -> bool:
        return name in self._texts or name in self._given or name in self._variables

    def text(self, name: str) -> str:
        """What the netlist's last `.param` of that name says.

        Raises:
            KeyError: there is none.
        """
        return self._texts[name]

    def define(self, name: str, text: str) -> None:
        """A `.param` of the netlist."""
        if self._texts.get(name, text) != text:
            self._known.clear()
        self._texts[name] = text

    def value(self, text: str) -> float:
        """The value of an expression, SI units.

        Raises:
            ArithmeticTextError: it is none, or not constant.
        """
        return self._evaluate(read_arithmetic(text), ())

    def _evaluate(self, node: Node, within: tuple[str, ...]) -> float:
        return node.value({name: self._name(name, within) for name in sorted(node.names)})

    def _name(self, name: str, within: tuple[str, ...]) -> float:
        self.used.add(name)
        if name in self._variables:
            raise ArithmeticTextError(f"{name!r} is a variable, it differs from design to design")
        if name in self._given:
            return self._given[name]
        if name in within or len(within) >= _DEPTH:
            raise ArithmeticTextError(f"{name!r} is defined by itself")
        if name not in self._texts:
            raise ArithmeticTextError(f"{name!r} has no value here")
        if name not in self._known:
            outer, self.used = self.used, set()
            try:
                value = self._evaluate(read_arithmetic(self._texts[name]), (*within, name))
                self._known[name] = value, frozenset(self.used)
            finally:
                self.used |= outer
        value, behind = self._known[name]
        self.used |= behind
        return value
