"""Subcircuit definitions, and the models that stand within them or at the top."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from circuits.errors import CircuitError
from simulators.netlist.assignments import split_assignments
from simulators.netlist.card import Card

_BIN = re.compile(r"(?P<group>.+)\.\d+$")


@dataclass(slots=True)
class Subckt:
    """What stands between `.subckt` and `.ends`, or at the top level of a netlist.

    Attributes:
        name: lower case; empty for the top level.
        ports: node names, lower case.
        params: (name, text) of its parameters with their defaults, in order.
        places: `.param` cards by the name of a parameter.
        cards: element and other cards that remain, in order.
        models: cards by model name.
        foreign: whether it comes from a PDK and not from the user's netlist.
    """

    name: str
    ports: tuple[str, ...] = ()
    params: list[tuple[str, str]] = field(default_factory=list)
    places: dict[str, Card] = field(default_factory=dict)
    cards: list[Card] = field(default_factory=list)
    models: dict[str, Card] = field(default_factory=dict)
    foreign: bool = False

    @property
    def names(self) -> frozenset[str]:
        """Names of its parameters."""
        return frozenset(name for name, _ in self.params)

    def groups(self) -> dict[str, list[Card]]:
        """Cards of binned models by the name that instances use: `nch` for `nch.1`, `nch.2`."""
        return grouped_models(self.models)


def grouped_models(models: Mapping[str, Card]) -> dict[str, list[Card]]:
    """Those of the models that are bins, by the name that instances use."""
    found: dict[str, list[Card]] = {}
    for name, card in models.items():
        match = _BIN.match(name)
        if match is not None:
            found.setdefault(match["group"], []).append(card)
    return found


def read_subckts(cards: Iterable[Card], *, foreign: bool = False) -> dict[str, Subckt]:
    """The subcircuits of a netlist by name; under the empty name its top level.

    Args:
        cards: with `.subckt` and `.ends` in pairs.
        foreign: see `Subckt`.
    """
    found = {"": Subckt("", foreign=foreign)}
    stack = [found[""]]
    parents: dict[str, str] = {}
    for card in cards:
        word = card.keyword
        if word == ".subckt":
            parent = stack[-1].name
            stack.append(_header(card, foreign))
            name = stack[-1].name
            if parents.setdefault(name, parent) != parent:
                problem = f"subcircuit {name!r} is defined within two others"
                raise CircuitError([card.finding(problem, "Rename one of them")])
            found.setdefault(name, stack[-1])  # of two, ngspice takes the first
        elif word == ".ends":
            stack = stack[:-1] or [found[""]]
        elif word == ".param":
            given = split_assignments(card.text[len(word) :])[1]
            stack[-1].params += given
            stack[-1].places |= dict.fromkeys((name for name, _ in given), card)
        elif word == ".model":
            stack[-1].models.setdefault(card.text.split()[1].lower(), card)
        else:
            stack[-1].cards.append(card)
    return found


def _header(card: Card, foreign: bool) -> Subckt:
    text = re.sub(r"\bparams:", " ", card.text, flags=re.IGNORECASE)
    head, given = split_assignments(text)
    words = head.split()
    ports = tuple(word.lower() for word in words[2:])
    return Subckt(words[1].lower(), ports, list(given), foreign=foreign)


def subckts_of_lines(lines: Sequence[str], file: str) -> dict[str, Subckt]:
    """Subcircuits of converted PDK cards, a logical card a line."""
    return read_subckts(_cards(lines, file), foreign=True)


def _cards(lines: Sequence[str], file: str) -> Iterator[Card]:
    for number, line in enumerate(lines, start=1):
        yield Card(file, number, line)
