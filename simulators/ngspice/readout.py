"""From a host's answer to a result: measures to metrics, failures to one verdict."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from circuits.definition import Circuit, Corner
from simulators.netlist.deck import Deck
from simulators.ngspice.job import Answer, BenchNumbers, BenchReply
from simulators.regions import device_point
from simulators.result import CornerResult, FailureKind, SimulationResult

_GRAVITY = (
    FailureKind.SIMULATOR_CRASH,
    FailureKind.BAD_NETLIST,
    FailureKind.NO_CONVERGENCE,
    FailureKind.MEASURE_FAILED,
)
"""Kinds that a host reports, gravest first."""
_DECK_LINE = re.compile(
    r"(error on line|netlist line no\.) *\d+( or its substitute)?:;? *", re.IGNORECASE
)
"""ngspice's own place: a line of the deck, which nobody sees."""


class Readout:
    """Reads a host's answers for one circuit.

    Args:
        circuit: what is measured.
        decks: of its testbenches.
    """

    def __init__(self, circuit: Circuit, decks: Sequence[Deck]) -> None:
        self._circuit = circuit
        self._decks = decks
        self._formulas = {metric.name: metric.formula for metric in circuit.metrics}
        self._unmeasured = dict.fromkeys(
            measure.name for deck in decks for measure in deck.measures
        )

    def tasks(self, values: Mapping[str, float]) -> list[BenchNumbers]:
        """What a host is asked for a design (SI units): each testbench in each corner.

        Raises:
            KeyError: a variable has no value.
        """
        sizes = {name: values[name] for name in self._circuit.variable_names}
        given = {**self._circuit.parameters, **sizes}
        return [
            BenchNumbers(bench=index, lines=deck.numbers(given, corner))
            for corner in self._circuit.corners
            for index, deck in enumerate(self._decks)
        ]

    def result(
        self, values: Mapping[str, float], tasks: Sequence[BenchNumbers], answer: Answer
    ) -> SimulationResult:
        """The design's result, without time and version.

        Args:
            values: of the design, SI units.
            tasks: what was asked.
            answer: a reply a task, fewer after a netlist that ngspice refused.
        """
        benches = len(self._decks)
        replies = answer["decks"]
        corners = {
            corner.name: self._corner(values, corner, replies[place * benches :][:benches])
            for place, corner in enumerate(self._circuit.corners)
        }
        failed = [
            (FailureKind(reply["failure"]), self._placed(task, reply))
            for task, reply in zip(tasks, replies, strict=False)
            if reply["failure"] is not None
        ] or _without_value(corners)
        return SimulationResult(
            corners=corners,
            failure=min((kind for kind, _ in failed), key=_gravity, default=None),
            message="; ".join(dict.fromkeys(message for _, message in failed)),
        )

    def _corner(
        self, values: Mapping[str, float], corner: Corner, replies: Sequence[BenchReply]
    ) -> CornerResult:
        measures = dict(self._unmeasured)
        for reply in replies:
            measures |= reply["measures"]
        names = {**self._circuit.parameters, **values, **corner.parameters, **measures}
        return CornerResult(
            metrics={name: formula.value(names) for name, formula in self._formulas.items()},
            measures=measures,
            devices={
                path.removeprefix("xdut."): device_point(point)
                for reply in replies
                for path, point in reply["devices"].items()
            },
        )

    def _placed(self, task: BenchNumbers, reply: BenchReply) -> str:
        """The message; with file and line behind the testbench where ngspice refused a card."""
        if reply["failure"] != FailureKind.BAD_NETLIST:
            return reply["message"]
        deck = self._decks[task["bench"]]
        card = deck.card_blamed(reply["message"], len(task["lines"]))
        if card is None:
            return reply["message"]
        said = _DECK_LINE.sub("", reply["message"].removeprefix(f"{deck.name}: "))
        return f"{deck.name}: {card.file}:{card.line}: {said}"


def _gravity(kind: FailureKind) -> int:
    return _GRAVITY.index(kind) if kind in _GRAVITY else -1


def _without_value(corners: Mapping[str, CornerResult]) -> list[tuple[FailureKind, str]]:
    """Metrics that have no value although every measure has: a logarithm of a negative, say."""
    names = dict.fromkeys(
        name
        for corner in corners.values()
        for name, value in corner.metrics.items()
        if value is None
    )
    message = f"no value for the metric {', '.join(names)}"
    return [(FailureKind.MEASURE_FAILED, message)] if names else []
