"""A testbench's netlist under import: its files, its cards in reading order, what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from circuits.errors import CircuitError, Finding
from circuits.importer.arithmetic import ArithmeticTextError
from circuits.importer.constants import Constants
from circuits.importer.sheet import Card, Sheet
from circuits.importer.syntax import Syntax

_FINDINGS = 50


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What circuit.yaml says that matters to a netlist.

    Attributes:
        syntax: how the netlists are to be read.
        variables: names that are sized.
        parameters: fixed values by name, SI units.
        corners: whether it lists corners.
        cornered: names of the parameters that those corners change.
    """

    syntax: Syntax
    variables: frozenset[str]
    parameters: Mapping[str, float]
    corners: bool
    cornered: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Run:
    """One of the runs that a netlist asks for, as far as it differs from the first.

    Attributes:
        label: words for its name.
        parameters: values that replace the netlist's, SI units.
        temperature: degrees Celsius; None for the circuit's.
        process: section of the PDK's library; empty for the netlist's.
    """

    label: tuple[str, ...] = ()
    parameters: tuple[tuple[str, float], ...] = ()
    temperature: float | None = None
    process: str = ""


@dataclass(slots=True)
class Netlist:
    """A testbench's netlist while the passes work on it.

    Attributes:
        top: key of its own file.
        around: what circuit.yaml says.
        sheets: its files by key.
        read: cards in reading order; passes rewrite and strip them.
        alters: the cards of each `.alter` block, that card first.
        constants: values of its `.param` cards.
        tables: columns and rows of each `.data` block.
        lets: expressions of `let` commands by name.
        degrees: whether `vp()` means degrees.
        runs: what was unrolled; empty when nothing was. `runs_from` is the card that says so.
        formulas: expressions over measures by name.
        findings: what cannot be imported.
    """

    top: str
    around: Surroundings
    constants: Constants
    degrees: bool
    sheets: dict[str, Sheet] = field(default_factory=dict)
    read: list[Card] = field(default_factory=list)
    alters: list[list[Card]] = field(default_factory=list)
    tables: dict[str, tuple[tuple[str, ...], list[list[float]]]] = field(default_factory=dict)
    lets: dict[str, str] = field(default_factory=dict)
    sweep: list[Run] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    runs_from: Card | None = None
    formulas: dict[str, str] = field(default_factory=dict)
    frozen: dict[str, Card] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def known_to_metrics(self) -> frozenset[str]:
        """Names of variables and parameters, also of those that its own runs change."""
        changed = {name for run in self.runs for name, _ in run.parameters}
        return frozenset({*self.around.variables, *self.around.parameters, *changed})

    @property
    def hspice(self) -> bool:
        """Whether cards mean what they mean in HSPICE."""
        return self.around.syntax is Syntax.HSPICE

    def refuse(self, card: Card, problem: str, cure: str) -> None:
        """Put a finding on record.

        Raises:
            CircuitError: there are enough of them.
        """
        self.findings.append(card.finding(problem, cure))
        if len(self.findings) >= _FINDINGS:
            raise CircuitError(self.findings)

    @property
    def cards(self) -> list[Card]:
        """The cards in use, in reading order: a new list, those stripped since left out."""
        self.read = [card for card in self.read if not card.gone]
        return list(self.read)

    def global_params(self) -> list[Card]:
        """The `.param` cards outside of all subcircuits."""
        depth, found = 0, []
        for card in self.cards:
            depth += {".subckt": 1, ".macro": 1, ".ends": -1, ".eom": -1}.get(card.keyword, 0)
            if card.keyword == ".param" and depth == 0:
                found.append(card)
        return found

    def constant(self, card: Card, text: str) -> float:
        """Value of an expression that a rewriting depends on; no corner may change it.

        Raises:
            ArithmeticTextError: it is not constant.
        """
        self.constants.used = set()
        try:
            return self.constants.value(text)
        finally:
            for name in self.constants.used:
                self.frozen.setdefault(name, card)

    def constant_or_refuse(self, card: Card, text: str, cure: str) -> float | None:
        """Like `constant`; None, with a finding, where there is no value."""
        try:
            return self.constant(card, text)
        except ArithmeticTextError as error:
            self.refuse(card, f"{text}: {error}", cure)
            return None
