"""From a host's answers to a result: measures to metrics, failures to one verdict."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from circuits.definition import Circuit
from simulators.gating import Gate, Stage, Step, plan, skipped_names
from simulators.netlist.deck import Deck
from simulators.netlist.mismatch import SAMPLE
from simulators.ngspice.course import Course
from simulators.ngspice.job import BenchNumbers
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
        gate: decides how far a design is simulated; None to simulate all of it.

    Attributes:
        stages: in which a design is simulated.
    """

    def __init__(self, circuit: Circuit, decks: Sequence[Deck], gate: Gate | None = None) -> None:
        self.stages: list[Stage] = plan(circuit, decks, gate)
        self._circuit = circuit
        self._decks = decks
        self._formulas = {metric.name: metric.formula for metric in circuit.metrics}
        self._unmeasured = dict.fromkeys(
            measure.name for deck in decks for measure in deck.measures
        )

    def tasks(self, values: Mapping[str, float], steps: Sequence[Step]) -> list[BenchNumbers]:
        """What a host is asked for these steps of a design (SI units).

        Raises:
            KeyError: a variable has no value.
        """
        sizes = {name: values[name] for name in self._circuit.variable_names}
        given = {**self._circuit.parameters, **sizes}
        if sample := values.get(SAMPLE):
            given[SAMPLE] = sample
        corners = self._circuit.corners
        return [
            BenchNumbers(bench=bench, lines=self._decks[bench].numbers(given, corners[corner]))
            for corner, bench in steps
        ]

    def nominal(self, values: Mapping[str, float], course: Course) -> dict[str, float | None]:
        """Metrics of the nominal corner as far as it was simulated."""
        return self._corner(values, 0, course).metrics

    def result(self, values: Mapping[str, float], course: Course) -> SimulationResult:
        """The design's result, without time and version.

        Args:
            values: of the design, SI units.
            course: what was asked, what came out, and what was skipped.
        """
        skipped = skipped_names(self._circuit, self._decks, course.skipped)
        corners = {
            corner.name: self._corner(values, place, course)
            for place, corner in enumerate(self._circuit.corners)
            if corner.name not in skipped
        }
        failed = self._failures(course) or self._without_value(corners, course.skipped)
        messages = [message for _, message in failed]
        if skipped:
            why = f"{', '.join(course.stopped_by)} at {self._circuit.corners[0].name}"
            messages.append(f"skipped for {why}: {', '.join(skipped)}")
        return SimulationResult(
            corners=corners,
            skipped=tuple(skipped),
            failure=min((kind for kind, _ in failed), key=_gravity, default=None),
            message="; ".join(messages),
        )

    def _corner(self, values: Mapping[str, float], place: int, course: Course) -> CornerResult:
        corner = self._circuit.corners[place]
        replies = [reply for step, reply in course.replies.items() if step.corner == place]
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

    def _failures(self, course: Course) -> list[tuple[FailureKind, str]]:
        """Kind and message of all that went wrong, each message once with its corners."""
        where: dict[tuple[FailureKind, str], list[int]] = {}
        for step, reply in course.replies.items():
            if reply["failure"] is not None:
                said = FailureKind(reply["failure"]), self._placed(step, course)
                where.setdefault(said, []).append(step.corner)
        return [(kind, self._in(corners, text)) for (kind, text), corners in where.items()]

    def _placed(self, step: Step, course: Course) -> str:
        """The message; with file and line behind the testbench where ngspice refused a card."""
        reply = course.replies[step]
        if reply["failure"] != FailureKind.BAD_NETLIST:
            return reply["message"]
        deck = self._decks[step.bench]
        card = deck.card_blamed(reply["message"], len(course.tasks[step]["lines"]))
        if card is None:
            return reply["message"]
        said = _DECK_LINE.sub("", reply["message"].removeprefix(f"{deck.name}: "))
        return f"{deck.name}: {card.file}:{card.line}: {said}"

    def _without_value(
        self, corners: Mapping[str, CornerResult], skipped: Sequence[Step]
    ) -> list[tuple[FailureKind, str]]:
        """Metrics that have no value although every measure has: a logarithm of a negative, say."""
        unasked = {
            measure.name
            for corner, bench in skipped
            if corner == 0  # of other corners all is skipped or nothing
            for measure in self._decks[bench].measures
        }
        where: dict[str, list[int]] = {}
        for place, found in enumerate(corners.values()):
            names = [
                name
                for name, value in found.metrics.items()
                if value is None and not self._formulas[name].names & unasked
            ]
            if names:
                where.setdefault(", ".join(names), []).append(place)
        return [
            (FailureKind.MEASURE_FAILED, self._in(places, f"no value for the metric {names}"))
            for names, places in where.items()
        ]

    def _in(self, places: Sequence[int], message: str) -> str:
        """The message with its corners, where there is more than one."""
        corners = [corner.name for corner in self._circuit.corners]
        if len(corners) == 1:
            return message
        return f"{message} (corner {', '.join(corners[place] for place in places)})"


def _gravity(kind: FailureKind) -> int:
    return _GRAVITY.index(kind) if kind in _GRAVITY else -1
