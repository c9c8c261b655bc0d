"""Decks: a testbench's netlist, made ready so that a design only fills in numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from circuits.definition import Circuit, Corner, Testbench
from circuits.errors import CircuitError
from simulators.netlist.card import Card, read_cards
from simulators.netlist.measure import Measure, read_measure
from simulators.netlist.rules import check_cards

_ASSIGNMENT = re.compile(
    r"([a-z_]\w*)\s*=\s*('[^']*'|\{[^}]*\}|\"[^\"]*\"|[^\s'{\"]+)", re.IGNORECASE
)
_ANALYSES = (".op", ".ac", ".dc", ".tran")


@dataclass(frozen=True, slots=True)
class Deck:
    """A testbench, read and checked, with room for a design's numbers.

    Attributes:
        name: the testbench's name.
        cards: element, model and option cards and analyses, in order, without measures and
            without the `.param` of anything that `numbers` gives.
        defaults: `.param` values of the netlist by name, as text.
        measures: what is measured.
        analyses: `op`, `ac`, `dc`, `tran`, those there are.
        devices: MOS instance paths as in `xdut.mn1`.
    """

    name: str
    cards: tuple[Card, ...]
    defaults: dict[str, str]
    measures: tuple[Measure, ...]
    analyses: tuple[str, ...]
    devices: tuple[str, ...]

    def numbers(self, values: Mapping[str, float], corner: Corner) -> list[str]:
        """The lines that differ from design to design: `.param` and `.temp` cards.

        Args:
            values: variables and parameters by name, SI units.
            corner: temperature, and parameters that replace `values`.
        """
        merged = {**values, **corner.parameters}
        lines = [f".param {name}={float(value)!r}" for name, value in merged.items()]
        lines += [
            f".param {name}={text}" for name, text in self.defaults.items() if name not in merged
        ]
        return [*lines, f".temp {corner.temperature!r}"]

    @property
    def body(self) -> list[str]:
        """The lines that are the same for every design."""
        return [card.text for card in self.cards]

    def lines(self, values: Mapping[str, float], corner: Corner) -> list[str]:
        """The whole deck as ngspice takes it."""
        return [f"* {self.name}", *self.numbers(values, corner), *self.body, ".end"]


def build_decks(circuit: Circuit) -> list[Deck]:
    """A deck a testbench.

    Raises:
        CircuitError: all findings of all netlists together.
    """
    decks, findings = [], []
    for bench in circuit.testbenches:
        try:
            decks.append(_build(circuit, bench))
        except CircuitError as error:
            findings += [found for found in error.findings if found not in findings]
    if findings:
        raise CircuitError(findings)
    return decks


def _build(circuit: Circuit, bench: Testbench) -> Deck:
    cards = read_cards(circuit.files, bench.netlist)
    findings = check_cards(cards)
    if findings:
        raise CircuitError(findings)
    given = {*circuit.variable_names, *circuit.parameters}
    analyses = tuple(card.keyword[1:] for card in cards if card.keyword in _ANALYSES)
    measures = tuple(read_measure(card) for card in cards if card.keyword in {".meas", ".measure"})
    _check_measures(cards, analyses, bench)
    kept = [card for card in cards if card.keyword not in _LEFT_OUT]
    return Deck(
        name=bench.name,
        cards=tuple(kept),
        defaults={name: text for name, text in read_params(cards) if name not in given},
        measures=measures,
        analyses=analyses,
        devices=tuple(_mos_paths(cards)),
    )


_LEFT_OUT = frozenset({".param", ".temp", ".end", ".save", ".meas", ".measure"})


def read_params(cards: Iterable[Card]) -> Iterable[tuple[str, str]]:
    """(name, text) of every global `.param`, in order."""
    depth = 0
    for card in cards:
        depth += {".subckt": 1, ".ends": -1}.get(card.keyword, 0)
        if card.keyword == ".param" and depth == 0:
            for name, text in _ASSIGNMENT.findall(card.text):
                yield name.lower(), text


def _check_measures(cards: list[Card], analyses: tuple[str, ...], bench: Testbench) -> None:
    if not analyses:
        first = cards[0] if cards else Card(bench.netlist, 1, "*")
        problem = f"{bench.netlist} has no analysis"
        raise CircuitError([first.finding(problem, "Add .ac, .dc or .tran")])
    for card in cards:
        if card.keyword not in {".meas", ".measure"}:
            continue
        measure = read_measure(card)
        if measure.analysis not in analyses:
            problem = f"measure {measure.name!r} needs an {measure.analysis} analysis"
            raise CircuitError([card.finding(problem, f"Add a .{measure.analysis} card")])


def _mos_paths(cards: list[Card]) -> Iterable[str]:
    """Paths of all MOS instances, subcircuits expanded: `xdut.mn1`."""
    bodies: dict[str, list[Card]] = {"": []}
    scope = ""
    for card in cards:
        if card.keyword == ".subckt":
            scope = card.words[1].lower()
            bodies[scope] = []
        elif card.keyword == ".ends":
            scope = ""
        elif card.keyword[0] in "mx":
            bodies[scope].append(card)
    yield from _walk(bodies, "", "", 0)


def _walk(bodies: dict[str, list[Card]], scope: str, prefix: str, depth: int) -> Iterable[str]:
    for card in bodies.get(scope, []):
        if card.keyword[0] == "m":
            yield prefix + card.keyword
        elif depth < 8:
            inner = [word for word in card.words[1:] if "=" not in word][-1].lower()
            yield from _walk(bodies, inner, f"{prefix}{card.keyword}.", depth + 1)
