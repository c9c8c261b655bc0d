"""The tree of subcircuits in a netlist: what is instantiated where, and how often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from circuits.errors import CircuitError
from simulators.netlist.card import Card

_DEPTH = 16
_INSTANCES = 50_000
_PARAMETERS = frozenset({".param", ".subckt"})
_SECOND = "a second one"
"""Where cards of a subcircuit go whose name is taken: ngspice takes the first."""


class Hierarchy:
    """The instances of each subcircuit of a netlist, the top level included.

    Args:
        cards: of the netlist, checked against the allow-list.
    """

    def __init__(self, cards: Sequence[Card]) -> None:
        self._bodies: dict[str, list[Card]] = {"": []}
        scope = [""]
        for card in cards:
            if card.keyword == ".subckt":
                name = card.words[1].lower()
                scope.append(name if name not in self._bodies else _SECOND)
                self._bodies[scope[-1]] = [card]
            elif card.keyword == ".ends":
                scope = scope[:-1] or [""]
            else:
                self._bodies[scope[-1]].append(card)

    @cached_property
    def mos_paths(self) -> tuple[str, ...]:
        """Paths of all MOS instances, such as `mn1` and `xdut.mn1`.

        Raises:
            CircuitError: a subcircuit within itself, or far too many instances.
        """
        self._count("", ())
        return tuple(self._paths("", ""))

    def _count(self, scope: str, within: tuple[str, ...]) -> int:
        """Instances below `scope`: counted without expanding, so that a bomb does not go off."""
        known = self._counted.get(scope)
        if known is not None:
            return known
        total = 0
        for card in self._bodies.get(scope, []):
            total += max(1, card.text.count("=")) if card.keyword in _PARAMETERS else 1
            if card.keyword[0] == "x":
                inner = subcircuit_of(card)
                if inner in (*within, scope) or len(within) >= _DEPTH:
                    problem = f"subcircuit {inner!r} is nested in itself, or over {_DEPTH} deep"
                    raise CircuitError([card.finding(problem, "Flatten it")])
                total += self._count(inner, (*within, scope))
            if total > _INSTANCES:
                problem = f"over {_INSTANCES} instances and parameters, subcircuits expanded"
                raise CircuitError([card.finding(problem, "Use fewer; a multiplier m= is cheap")])
        self._counted[scope] = total
        return total

    @cached_property
    def _counted(self) -> dict[str, int]:
        return {}

    def _paths(self, scope: str, prefix: str) -> Iterator[str]:
        for card in self._bodies.get(scope, []):
            if card.keyword[0] == "m":
                yield prefix + card.keyword
            elif card.keyword[0] == "x":
                yield from self._paths(subcircuit_of(card), f"{prefix}{card.keyword}.")


def subcircuit_of(card: Card) -> str:
    """Lower-case name of the subcircuit that an X card instantiates; empty when it has none."""
    names = [word for word in card.words[1:] if "=" not in word and word.lower() != "params:"]
    return names[-1].lower() if names else ""
