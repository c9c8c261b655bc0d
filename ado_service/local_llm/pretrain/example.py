"""Prompts with answers by hindsight: whatever a design reached was asked for.

A simulated design becomes the answer; what it measured, relaxed by a random amount, becomes the
specs; designs that do worse under those specs become the demonstrations. So every simulation
teaches, whether it met anybody's specs or not (hindsight, Andrychowicz et al., NeurIPS 2017).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ado_service.local_llm.pretrain.dressing import Dressing, dressed
from ado_service.local_llm.pretrain.harvest import Harvest
from circuits.definition import Circuit
from circuits.spec import Direction, Spec
from circuits.units import format_quantity, rounded
from prompts.demonstration import Demonstration, show_spec
from prompts.render import few_shot

Array = NDArray[np.float64]

_SPECS = "# Performance specifications\n\n"
_DESIGNS = '"designs": '
_MOST_SHOWN, _MOST_ASKED = 5, 8
_RELAXED = (0.03, 0.1, 0.4)
"""Scales of how far specs are relaxed: octaves, or 10 dB or degrees."""
_LINEAR = {"dB": 10.0, "deg": 10.0}
_FEWEST_SPECS = 3
_NONE_SHOWN, _ONE = 0.75, 0.7
"""How often no demonstrations are shown, and a single design asked for."""
_CANDIDATES = 48
_DIGITS = 3
_THRESHOLD_DIGITS = (1, 2, 2, 3, 3)
"""Of specs, as people write them: 60 dB as well as 57.3 dB."""


@dataclass(frozen=True, slots=True)
class Example:
    """One prompt and its answer.

    Attributes:
        system: the system message.
        prompt: the user message.
        answer: JSON with as many designs as the prompt asks for.
        whole: whether the answer is all there.
    """

    system: str
    prompt: str
    answer: str
    whole: bool = True

    @property
    def bare(self) -> Example:
        """Nothing but the specs to read, and to say again: the answer up to its designs."""
        section = self.prompt.split(_SPECS, 1)[1].split("\n# ", 1)[0]
        said, mark, _ = self.answer.partition(_DESIGNS)
        return Example("", section, said + mark, whole=False)


def examples(harvest: Harvest, seed: int, count: int) -> Iterator[Example]:
    """Examples on one dressing of a harvest's circuit, of about the same length.

    Their prompts begin alike, and show and ask for as many designs as each other. At most `count`;
    none where no design was measured completely.
    """
    rng = np.random.default_rng(seed)
    known = np.flatnonzero(np.isfinite(harvest.metrics).all(axis=1))
    if not len(known):
        return
    near = harvest.design(int(rng.choice(known)))
    dressing = dressed(harvest.circuit, near, rng)
    rows = np.flatnonzero(dressing.holds(harvest.values))
    complete = np.intersect1d(rows, known)
    shown = 0 if rng.random() < _NONE_SHOWN else int(rng.integers(1, _MOST_SHOWN + 1))
    asked = 1 if rng.random() < _ONE else int(rng.integers(2, _MOST_ASKED + 1))
    sample = _Sample(harvest, dressing, rows, shown, asked)
    for _ in range(count):
        yield _example(sample, int(rng.choice(complete)), rng)


@dataclass(frozen=True, slots=True)
class _Sample:
    """What the examples of one call have in common.

    Attributes:
        harvest, dressing: what is asked, and in which words.
        rows: the designs that the dressing's ranges hold.
        shown, asked: demonstrations, and designs wanted, at most.
    """

    harvest: Harvest
    dressing: Dressing
    rows: NDArray[np.int64]
    shown: int
    asked: int


def _example(sample: _Sample, anchor: int, rng: np.random.Generator) -> Example:
    harvest, dressing, rows = sample.harvest, sample.dressing, sample.rows
    specs = _wanted(harvest, anchor, rng)
    missed = _missed(harvest, specs, rows)
    fitting = rows[missed == 0]
    others = fitting[fitting != anchor]
    answers = [anchor, *rng.permutation(others)[: sample.asked - 1].tolist()]
    worse = rows[missed > 0]
    shown = _shown(harvest, specs, worse, sample.shown, rng)
    demonstrations = [_demonstration(harvest, dressing, row) for row in shown]
    system, user = few_shot(dressing.circuit, specs, demonstrations, len(answers))
    answer = _answer(harvest, dressing, answers, reasoning(harvest.circuit, specs))
    return Example(system["content"], user["content"], answer)


def reasoning(circuit: Circuit, specs: Sequence[Spec]) -> str:
    """What is said before an answer's designs: the specs once more, in the circuit's order.

    So the network learns to look thresholds up before it learns what to do with them, and finds
    them in one place, whatever the prompt's order. Without it, 6,000 steps taught the sizes'
    distribution, and nothing of how it depends on the specs.
    """
    order = [metric.name for metric in circuit.metrics]
    ordered = sorted(specs, key=lambda spec: order.index(spec.metric))
    return ", ".join(show_spec(spec, circuit) for spec in ordered)


def _wanted(harvest: Harvest, anchor: int, rng: np.random.Generator) -> tuple[Spec, ...]:
    """What the anchor reached, somewhat relaxed: some of the circuit's specs, in any order."""
    known = list(harvest.circuit.specs())
    most = len(known)
    count = most if rng.random() < 0.5 else int(rng.integers(min(_FEWEST_SPECS, most), most + 1))
    chosen = [known[place] for place in rng.permutation(most)[:count]]
    scale = float(rng.choice(_RELAXED))
    digits = int(rng.choice(_THRESHOLD_DIGITS))
    columns = {metric.name: place for place, metric in enumerate(harvest.circuit.metrics)}
    found = []
    for spec in chosen:
        value = float(harvest.metrics[anchor, columns[spec.metric]])
        unit = harvest.circuit.metric(spec.metric).unit
        relaxed = scale * float(rng.exponential())
        found.append(_relaxed(spec, value, unit, relaxed, digits))
    return tuple(found)


def _relaxed(spec: Spec, value: float, unit: str, relaxed: float, digits: int) -> Spec:
    """The spec with a threshold that `value` meets by about `relaxed`, in round numbers."""
    sign = -spec.direction.sign
    if unit in _LINEAR or value <= 0:
        step = _LINEAR.get(unit, abs(spec.threshold) or spec.norm)
        bare = value + sign * relaxed * step
    else:
        bare = value * 2.0 ** (sign * relaxed)
    threshold = rounded(bare, digits)
    if not (value > threshold if spec.direction is Direction.ABOVE else value < threshold):
        threshold = rounded(bare + sign * abs(bare) * 0.01, _DIGITS)
    return spec.model_copy(update={"threshold": threshold})


def _missed(harvest: Harvest, specs: Sequence[Spec], rows: NDArray[np.int64]) -> Array:
    """By how much each of `rows` misses the specs: octaves, tens of dB; 0 where it meets them."""
    columns = {metric.name: place for place, metric in enumerate(harvest.circuit.metrics)}
    total = np.zeros(len(rows))
    for spec in specs:
        values = harvest.metrics[rows, columns[spec.metric]]
        unit = harvest.circuit.metric(spec.metric).unit
        sign = spec.direction.sign
        if unit in _LINEAR or spec.threshold <= 0:
            step = _LINEAR.get(unit, abs(spec.threshold) or spec.norm)
            short = sign * (spec.threshold - values) / step
        else:
            with np.errstate(divide="ignore", invalid="ignore"):
                short = sign * np.log2(spec.threshold / np.maximum(values, 1e-30))
        total += np.where(np.isfinite(short), np.clip(short, 0.0, 3.0), 3.0)
    return total


def _shown(
    harvest: Harvest, specs: Sequence[Spec], worse: NDArray[np.int64], count: int,
    rng: np.random.Generator,
) -> list[int]:  # fmt: skip
    """At most `count` demonstrations, best first: the best of a few at random, or any of them."""
    drawn = rng.permutation(worse)[: int(rng.integers(count, _CANDIDATES + 1))]
    ranked = drawn[np.argsort(_missed(harvest, specs, drawn), kind="stable")]
    if rng.random() < 0.3:  # random ones, as the ablation shows them: sorted all the same
        kept = np.sort(rng.permutation(len(ranked))[:count])
        return [int(row) for row in ranked[kept]]
    return [int(row) for row in ranked[:count]]


def _demonstration(harvest: Harvest, dressing: Dressing, row: int) -> Demonstration:
    metrics = {
        metric.name: float(value) if np.isfinite(value) else None
        for metric, value in zip(harvest.circuit.metrics, harvest.metrics[row], strict=True)
    }
    values = dressing.design(harvest.design(row))
    return Demonstration(values, metrics, harvest.region_names(row))


def _answer(harvest: Harvest, dressing: Dressing, rows: Sequence[int], said: str) -> str:
    designs = [
        {
            name: format_quantity(rounded(value, _DIGITS))
            for name, value in dressing.design(harvest.design(row)).items()
        }
        for row in rows
    ]
    return json.dumps({"reasoning": said, "designs": designs})
