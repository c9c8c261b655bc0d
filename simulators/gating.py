"""What of a design is simulated at all: the cheap and telling parts first, the rest if it pays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from circuits.definition import Circuit, Metric
from circuits.spec import Spec
from simulators.netlist.deck import Deck


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets a design into its later stages only when it may still meet the specs of its job.

    A plain value, so that it travels to a farm's workers.

    Attributes:
        specs: what the job asks for.
    """

    specs: tuple[Spec, ...]


class Step(NamedTuple):
    """One testbench in one corner, by their places in the circuit."""

    corner: int
    bench: int


@dataclass(frozen=True, slots=True)
class Hurdle:
    """A metric of the nominal corner on which later stages depend.

    Attributes:
        metric: must have a value, and one with which the circuit works at all.
        spec: must be met besides; None when a value is enough.
    """

    metric: Metric
    spec: Spec | None = None

    def cleared(self, value: float | None) -> bool:
        """Whether a design with this value (metric's unit; None: not measured) may go on."""
        if value is None or not self.metric.works(value):
            return False
        return self.spec is None or self.spec.met(value)


@dataclass(frozen=True, slots=True)
class Stage:
    """Steps that are simulated together.

    Attributes:
        steps: testbenches in corners.
        hurdles: what must be cleared before.
    """

    steps: tuple[Step, ...]
    hurdles: tuple[Hurdle, ...] = ()

    def stopped_by(self, nominal: Mapping[str, float | None]) -> tuple[str, ...]:
        """The metrics on which a design fails to get here, given its metrics at nominal."""
        missed = (
            hurdle for hurdle in self.hurdles if not hurdle.cleared(nominal[hurdle.metric.name])
        )
        return tuple(dict.fromkeys(hurdle.metric.name for hurdle in missed))


def plan(circuit: Circuit, decks: Sequence[Deck], gate: Gate | None) -> list[Stage]:
    """The stages of a circuit's designs; a single one without a gate, or where nothing can wait.

    1. The nominal (first) corner without transients.
    2. Its transients, unless an operating point or AC metric rules the design out: one with a
       spec that could not be measured, or one outside of its `required_above` and
       `required_below`.
    3. All other corners, for designs that meet every spec that counts at nominal.
    """
    nominal = [Step(0, bench) for bench in range(len(decks))]
    others = [
        Step(corner, bench)
        for corner in range(1, len(circuit.corners))
        for bench in range(len(decks))
    ]
    if gate is None:
        return [Stage((*nominal, *others))]
    loud = tuple(step for step in nominal if "tran" in decks[step.bench].analyses)
    quiet = tuple(step for step in nominal if step not in loud)
    stages = [
        Stage(quiet),
        Stage(loud, tuple(_early_hurdles(circuit, decks, gate)) if quiet else ()),
        Stage(tuple(others), tuple(_nominal_hurdles(circuit, gate))),
    ]
    return [stage for stage in stages if stage.steps]


def conditions(circuit: Circuit, decks: Sequence[Deck], gate: Gate | None) -> str:
    """What decides which steps are run, as a text (for keys of results); empty when all are."""
    stages = plan(circuit, decks, gate)
    hurdles = [hurdle for stage in stages for hurdle in stage.hurdles]
    return repr([(stage.steps, stage.hurdles) for stage in stages]) if hurdles else ""


def _early_hurdles(circuit: Circuit, decks: Sequence[Deck], gate: Gate) -> Iterator[Hurdle]:
    """Metrics that are known before any transient, and without which a design has no hope."""
    loud = {one.name for deck in decks if "tran" in deck.analyses for one in deck.measures}
    asked = {spec.metric for spec in _specs_at_nominal(circuit, gate)}
    for metric in circuit.metrics:
        known = not metric.formula.names & loud
        if known and (metric.name in asked or metric.has_requirement):
            yield Hurdle(metric)


def _nominal_hurdles(circuit: Circuit, gate: Gate) -> Iterator[Hurdle]:
    yield from (Hurdle(metric) for metric in circuit.metrics if metric.has_requirement)
    for spec in _specs_at_nominal(circuit, gate):
        yield Hurdle(circuit.metric(spec.metric), spec)


def _specs_at_nominal(circuit: Circuit, gate: Gate) -> list[Spec]:
    return [spec for spec in gate.specs if spec.holds_in(circuit.corners[0].name)]


def skipped_names(circuit: Circuit, decks: Sequence[Deck], steps: Sequence[Step]) -> list[str]:
    """What these skipped steps are called: `hot`, or `nominal/ramp` where a part was measured."""
    names = [circuit.corners[corner].name for corner, _ in steps]
    whole = {name for name in names if names.count(name) == len(decks)}
    called = (
        name if name in whole else f"{name}/{decks[step.bench].name}"
        for name, step in zip(names, steps, strict=True)
    )
    return list(dict.fromkeys(called))
