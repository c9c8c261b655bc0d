"""Decks: a testbench's netlist, flattened, so that a design only fills in numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from circuits.definition import Circuit, Corner, Testbench
from circuits.errors import CircuitError, Finding
from simulators.netlist.card import Card, read_cards
from simulators.netlist.flat import REFERENCE, FlatNetlist
from simulators.netlist.flatten import flatten
from simulators.netlist.functions import FUNCTIONS
from simulators.netlist.hierarchy import Hierarchy
from simulators.netlist.measure import Measure, check_measures, is_measure, read_measure
from simulators.netlist.mismatch import SAMPLE, SWITCH, Matching
from simulators.netlist.mos import BinnedMos
from simulators.netlist.params import global_params, read_params
from simulators.netlist.parts import TEMPERATURE
from simulators.netlist.rules import ANALYSES, check_cards
from simulators.netlist.subckt import grouped_models
from simulators.pdk.technology import Libraries, technologies

_LEFT_OUT = frozenset({".temp", ".end", ".save", ".meas", ".measure", ".lib"})
_LINE = re.compile(r"(?:netlist line no\.|error on line)\s*(\d+)", re.IGNORECASE)
_INSTANCE = re.compile(r"\b[a-z]\.(?:x\w*\.)+(\w+)")
_TOLERANCE = 1e-6  # degrees Celsius
_WORDS = frozenset({"time", "temper", "hertz", SAMPLE, SWITCH, "gauss", "agauss", *FUNCTIONS})


TOLERANCE = ".options reltol=1e-4"
"""For netlists that ask for none: ngspice's own 1e-3 moves a gain by 0.7 percent."""


@dataclass(frozen=True, slots=True)
class Deck:
    """A testbench, read, checked and flattened, with room for a design's numbers.

    Attributes:
        name: the testbench's name.
        cards: element, model and option cards and analyses as written, in order.
        defaults: `.param` values of the netlist by name, as text.
        libraries: what the netlist asks of a PDK; None without one.
        flats: the flat netlist by process, the section of a PDK; all alike without a PDK.
        measures: what is measured.
        analyses: `op`, `ac`, `dc`, `tran`, those there are.
        models: model cards that lines of any corner refer to, by name.
        unchecked: whether ngspice takes model parameters as they are (`ng_nomodcheck`).
        nodesets: node voltages (V) that the operating point starts from.
    """

    name: str
    cards: tuple[Card, ...]
    defaults: dict[str, str]
    libraries: Libraries | None
    flats: dict[str, FlatNetlist]
    measures: tuple[Measure, ...]
    analyses: tuple[str, ...]
    models: dict[str, str]
    unchecked: bool = False
    nodesets: tuple[tuple[str, float], ...] = ()

    def numbers(self, values: Mapping[str, float], corner: Corner) -> list[str]:
        """The lines of one design; `@NAME` stands for the card of a model.

        Args:
            values: variables and parameters by name, SI units; with `mismatch_sample` a seed.
            corner: process, temperature, and parameters that replace `values`.

        Raises:
            ExpressionError: a size for which there is no model, or an expression without value.
        """
        sample = int(values.get(SAMPLE, 0))
        lines = self._flat(corner).render(_given(values, corner, sample), sample)
        return [*lines, f".temp {corner.temperature!r}"]

    def binned(
        self, values: Mapping[str, float], corner: Corner
    ) -> Iterator[tuple[BinnedMos, float, float]]:
        """(device, length, width that chooses its bin) of the MOS of binned models; see `numbers`.

        Raises:
            ExpressionError: an expression without a value.
        """
        return self._flat(corner).binned(_given(values, corner, 0))

    @property
    def devices(self) -> tuple[tuple[str, str], ...]:
        """(path, name in ngspice) of the MOS devices."""
        return self._flat(None).devices

    @property
    def body(self) -> list[str]:
        """The lines that are the same for every design."""
        lines = [] if any(sets_tolerance(card) for card in self.cards) else [TOLERANCE]
        if self.nodesets:
            nodes = (f"v({node})={volts!r}" for node, volts in self.nodesets)
            lines.append(" ".join([".nodeset", *nodes]))
        return lines

    def lines(self, values: Mapping[str, float], corner: Corner) -> list[str]:
        """The whole deck as ngspice takes it; see `numbers`."""
        numbers = [
            self.models[line[1:]] if line.startswith(REFERENCE) else line
            for line in self.numbers(values, corner)
        ]
        return [f"* {self.name}", *numbers, *self.body, ".end"]

    def source(self, values: Mapping[str, float], corner: Corner) -> list[str]:
        """The netlist as its author wrote it, with a design's values, without a PDK's library."""
        merged = {**values, **corner.parameters}
        given = [f".param {name}={float(value)!r}" for name, value in merged.items()]
        given += [f".param {n}={text}" for n, text in self.defaults.items() if n not in merged]
        return [*given, f".temp {corner.temperature!r}", *(card.text for card in self.cards)]

    def card_blamed(self, message: str, numbers: int) -> Card | None:
        """The card that ngspice complains of; None when it names none.

        Args:
            message: what ngspice said: `Error on line 12`, the text of the card, or the name of
                its instance in a subcircuit, `r.xdut.rz`.
            numbers: how many lines `numbers` gave.
        """
        lines = [one for one in self._flat(None).lines if not is_measure(one.card)]
        match = _LINE.search(message)
        place = int(match[1]) - 2 if match is not None else -1
        if 0 <= place < min(len(lines), numbers):
            return lines[place].card
        said = " ".join(message.lower().split())
        whole = (card for card in self.cards if " ".join(card.words).lower() in said)
        inner = {match[1] for match in _INSTANCE.finditer(said)}
        named = (card for card in self.cards if card.keyword in inner)
        return next(whole, None) or next(named, None)

    def _flat(self, corner: Corner | None) -> FlatNetlist:
        process = corner.process if corner is not None else ""
        return self.flats[process] if process else next(iter(self.flats.values()))


def sets_tolerance(card: Card) -> bool:
    """Whether it is an option card with the relative tolerance of the solver."""
    return card.keyword in {".options", ".option"} and "reltol" in card.text.lower()


def _given(values: Mapping[str, float], corner: Corner, sample: int) -> dict[str, float]:
    """Every name that a design brings."""
    merged = {**values, **corner.parameters, SWITCH: sample != 0}
    found = {name: float(value) for name, value in merged.items()}
    return {**found, TEMPERATURE: corner.temperature}


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
    libraries = [card for card in cards if card.keyword == ".lib"]
    wanted, known = technologies(libraries, circuit.corners)
    first = next(iter(known.values()))
    models = {*first.models, *grouped_models(first.models)}
    findings = check_cards(cards, first.subckts, models)
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
    _ = Hierarchy(cards).mos_paths  # counts instances before anything is expanded
    free = [*circuit.variable_names, *circuit.parameters]
    matching = {
        name.lower(): Matching(found.avt, found.abeta)
        for name, found in getattr(circuit, "mismatch", {}).items()
    }
    params = set(global_params(cards))
    flats = {name: flatten(cards, free, technology, matching) for name, technology in known.items()}
    return Deck(
        name=bench.name,
        cards=tuple(c for c in cards if c.keyword not in _LEFT_OUT and c not in params),
        defaults={name: text for name, text in read_params(cards) if name not in free},
        libraries=wanted,
        flats=flats,
        measures=tuple(read_measure(c) for c in cards if is_measure(c)),
        analyses=analyses,
        models={name: text for flat in flats.values() for name, text in flat.cards.items()},
        unchecked=any(technology.unchecked for technology in known.values()),
    )


def _reserved(circuit: Circuit) -> list[Finding]:
    return [
        Finding("circuit.yaml", None, f"{name!r} is a word of ngspice's or of our own", "Rename it")
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
