"""Decks: a testbench's netlist, made ready so that a design only fills in numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from circuits.definition import Circuit, Corner, Testbench
from circuits.errors import CircuitError, Finding
from simulators.netlist.card import Card, read_cards
from simulators.netlist.hierarchy import Hierarchy
from simulators.netlist.measure import Measure, check_measures, read_measure
from simulators.netlist.params import global_params, read_params
from simulators.netlist.rules import ANALYSES, check_cards

_LEFT_OUT = frozenset({".temp", ".end", ".save", ".meas", ".measure"})
_LINE = re.compile(r"(?:netlist line no\.|error on line)\s*(\d+)", re.IGNORECASE)
_INSTANCE = re.compile(r"\b[a-z]\.(?:x\w*\.)+(\w+)")
_TOLERANCE = 1e-6  # degrees Celsius
_WORDS = frozenset({"time", "temper", "hertz"})


@dataclass(frozen=True, slots=True)
class Deck:
    """A testbench, read and checked, with room for a design's numbers.

    Attributes:
        name: the testbench's name.
        cards: element, model and option cards and analyses, in order, without measures and
            without global `.param` cards: `numbers` gives those.
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
        """The whole deck as ngspice takes it; see `numbers`."""
        return [f"* {self.name}", *self.numbers(values, corner), *self.body, ".end"]

    def card_blamed(self, message: str, numbers: int) -> Card | None:
        """The card that ngspice complains of; None when it names none.

        Args:
            message: what ngspice said: `Error on line 12`, the text of the card, or the name of
                its instance in a subcircuit, `r.xdut.rz`.
            numbers: how many lines `numbers` gave.
        """
        match = _LINE.search(message)
        place = int(match[1]) - 2 - numbers if match is not None else -1
        if 0 <= place < len(self.cards):
            return self.cards[place]
        said = " ".join(message.lower().split())
        whole = (card for card in self.cards if " ".join(card.words).lower() in said)
        inner = {match[1] for match in _INSTANCE.finditer(said)}
        named = (card for card in self.cards if card.keyword in inner)
        return next(whole, None) or next(named, None)


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
    findings += [*_reserved(circuit), *_doubled_measures(decks)]
    if findings:
        raise CircuitError(findings)
    return decks


def _build(circuit: Circuit, bench: Testbench) -> Deck:
    cards = read_cards(circuit.files, bench.netlist)
    findings = check_cards(cards)
    if findings:
        raise CircuitError(findings)
    analyses = tuple(card.keyword[1:] for card in cards if card.keyword in ANALYSES)
    findings = [
        *_no_analysis(bench, analyses),
        *_temperature(cards, circuit.corners),
        *check_measures(cards, analyses),
    ]
    if findings:
        raise CircuitError(findings)
    given = {*circuit.variable_names, *circuit.parameters}
    params = set(global_params(cards))
    return Deck(
        name=bench.name,
        cards=tuple(c for c in cards if c.keyword not in _LEFT_OUT and c not in params),
        defaults={name: text for name, text in read_params(cards) if name not in given},
        measures=tuple(read_measure(c) for c in cards if c.keyword in {".meas", ".measure"}),
        analyses=analyses,
        devices=Hierarchy(cards).mos_paths,
    )


def _reserved(circuit: Circuit) -> list[Finding]:
    return [
        Finding("circuit.yaml", None, f"{name!r} is a word of ngspice's own", "Rename it")
        for name in [*circuit.variable_names, *circuit.parameters]
        if name in _WORDS
    ]


def _no_analysis(bench: Testbench, analyses: Sequence[str]) -> list[Finding]:
    if analyses:
        return []
    problem = f"{bench.netlist} has no analysis"
    return [
        Finding(bench.netlist, None, problem, "Add .ac, .dc or .tran (its first line is a title)")
    ]


def _temperature(cards: Sequence[Card], corners: Sequence[Corner]) -> list[Finding]:
    """`.temp` cards of which the corners know nothing: the corners' would silently win."""
    allowed = [corner.temperature for corner in corners]
    findings = []
    for card in cards:
        if card.keyword != ".temp":
            continue
        try:
            [given] = [float(word) for word in card.words[1:]]
        except ValueError:
            findings.append(card.finding(f"{card.text!r} is no single temperature", "Use corners"))
            continue
        if all(abs(given - one) > _TOLERANCE for one in allowed):
            problem = f".temp {given:g} is no corner's temperature, those are {allowed}"
            cure = "Set `temperature` of a corner in circuit.yaml, it decides"
            findings.append(card.finding(problem, cure))
    return findings


def _doubled_measures(decks: Sequence[Deck]) -> list[Finding]:
    measures = [measure for deck in decks for measure in deck.measures]
    names = [measure.name for measure in measures]
    return [
        measure.card.finding(f"measure {measure.name!r} is there twice", "Rename one of them")
        for place, measure in enumerate(measures)
        if measure.name in names[:place]
    ]
