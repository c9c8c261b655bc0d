"""Specs in hindsight: what a design reached, somewhat relaxed, is what was asked for.

So every design that was measured in full teaches, whether it met anybody's specs or not
(hindsight, Andrychowicz et al., NeurIPS 2017), as in `local_llm.pretrain.example`.
"""

from __future__ import annotations

import numpy as np

from ado_service.tunings.subject import Measured, Specs
from circuits.definition import Circuit
from circuits.spec import Spec
from circuits.units import rounded

_FEWEST = 3
_SCALES = (0.03, 0.2, 0.6)
"""Scales of how far specs are relaxed: octaves, or tens of dB or degrees."""
_STEPS = {"dB": 10.0, "deg": 10.0}
_DIGITS = 3


def reached(circuit: Circuit, asked: Specs, anchor: Measured, rng: np.random.Generator) -> Specs:
    """Specs that `anchor` meets in every corner that counts for them.

    All of `asked` half of the time, else some; in any order.

    Args:
        circuit: knows the units.
        asked: specs whose metrics, directions and corners are taken over.
        anchor: a design of which every metric is known.
        rng: source of randomness.
    """
    most = len(asked)
    few = int(rng.integers(min(_FEWEST, most), most + 1))
    count = most if rng.random() < 0.5 else few
    scale = float(rng.choice(_SCALES))
    worst = anchor.judged(asked).metrics
    found = []
    for place in rng.permutation(most)[:count]:
        spec, slack = asked[place], scale * float(rng.exponential())
        value = worst[spec.metric]
        assert value is not None
        found.append(_relaxed(spec, value, circuit.metric(spec.metric).unit, slack))
    return tuple(found)


def _relaxed(spec: Spec, value: float, unit: str, slack: float) -> Spec:
    """The spec with a threshold that `value` meets by `slack`, in round numbers."""
    away = -spec.direction.sign
    if unit in _STEPS or value <= 0:
        bare = value + away * slack * _STEPS.get(unit, abs(spec.threshold) or spec.norm)
    else:
        bare = value * 2.0 ** (away * slack)
    threshold = rounded(bare, _DIGITS)
    if not _moved(spec, threshold).met(value):
        # The last step that is sure to be met: a hundredth, or of nothing a hundredth of the norm.
        threshold = rounded(bare + away * 0.01 * (abs(bare) or spec.norm), _DIGITS)
    return _moved(spec, threshold)


def _moved(spec: Spec, threshold: float) -> Spec:
    """The spec at another threshold; its norm goes along, so that its term keeps its size."""
    ratio = threshold / spec.threshold if spec.threshold else 0.0
    norm = spec.norm * ratio if ratio > 0 else spec.norm
    return spec.model_copy(update={"threshold": threshold, "norm": norm})
