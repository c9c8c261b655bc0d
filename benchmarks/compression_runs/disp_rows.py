"""DISP-LLM on a small language model that is trained here on the agent's prompts and answers.

`disp/reinmax-gradient`: error of ReinMax's mean gradient on a quadratic of Bernoulli gates, against
a hundredth of the exact gradient.
`disp/loss-30/magnitude`, `disp/loss-30/uniform-width`: held-out loss with 30 % of the parameters
gone, against the better of two ways of structural pruning by magnitude, and the better of two with
the same width in every layer; `-50` with half of them gone. Neither side trains what is left.
`disp/loss-30/magnitude-unstructured`: against single weights set to zero, as many of the layers' as
the budget says. Such a model is no smaller and no faster; there is no goal.
`disp/decode-30`: tokens a second against the model that was not pruned, on a larger shape with
random weights whose structures keep the learned parts; the small model itself in the detail.
Every seed has its own texts, language model and hypernetwork.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from transformers import PreTrainedModel

from ado_service.local_llm.disp.budget import Budget
from ado_service.local_llm.disp.compression import DispSettings, compress
from ado_service.local_llm.disp.disp_model import DispModel
from ado_service.local_llm.disp.layer_shape import layer_shapes
from ado_service.local_llm.disp.learning import LearningSettings
from benchmarks.compression_runs.decode_speed import decode_speeds, scaled
from benchmarks.compression_runs.gate_gradient import gradient_errors
from benchmarks.compression_runs.prompt_lm import Corpus, LmPlan, corpus, held_loss, trained
from benchmarks.compression_runs.structural_peers import (
    by_magnitude,
    of_uniform_width,
    unstructured,
)
from benchmarks.report import Row, ratio_row

GONE = (30, 50)
"""Percent of the parameters that go."""
_BOUND = 0.01
_BELOW = 1.0
"""Of the ratio of losses: ours is to be the lower one."""
_PEER_BATCHES = 8


@dataclass(frozen=True, slots=True)
class DispPlan:
    """How much is done.

    Attributes:
        lm: the language model.
        seeds: how many of them.
        learning: of the hypernetwork; each seed takes its own. windows: of its batches.
        gradient_seeds, gradient_samples: quadratics, and samples of the gates for each.
        shape: name of the one that decodes. tokens, repeats: of a measurement.
    """

    lm: LmPlan
    seeds: int
    learning: LearningSettings
    windows: int
    gradient_seeds: int
    gradient_samples: int
    shape: str
    tokens: int
    repeats: int


FULL = DispPlan(
    LmPlan(
        width=128, inner=352, layers=6, heads=4, groups=2, vocabulary=1024, length=256, batch=8,
        designs=120, texts=400, steps=1000, rate=3e-3,
    ),
    seeds=3,
    learning=LearningSettings(steps=1500, rate=5e-3),
    windows=4,
    gradient_seeds=5,
    gradient_samples=1_000_000,
    shape="30m",
    tokens=64,
    repeats=5,
)  # fmt: skip
QUICK = DispPlan(
    LmPlan(
        width=64, inner=176, layers=3, heads=4, groups=2, vocabulary=384, length=64, batch=16,
        designs=48, texts=24, steps=80, rate=6e-3,
    ),
    seeds=1,
    learning=LearningSettings(steps=80, rate=2e-2),
    windows=8,
    gradient_seeds=2,
    gradient_samples=500_000,
    shape="30m",
    tokens=16,
    repeats=3,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pruned:
    """Of one language model pruned to one size: held-out losses, nats a token.

    Attributes:
        ours: of DISP-LLM.
        magnitude, uniform: of each way of the two peers. unstructured: of the third.
        made: the model of ours.
    """

    ours: float
    magnitude: tuple[float, ...]
    uniform: tuple[float, ...]
    unstructured: float
    made: DispModel


@dataclass(frozen=True, slots=True)
class SeedOutcome:
    """Of one seed: the model before, its held-out loss, and what is left for each part gone."""

    model: PreTrainedModel
    before: float
    pruned: Mapping[int, Pruned]


def disp_rows(plan: DispPlan) -> list[Row]:
    """All rows; see the module."""
    found = [_of_seed(plan, seed) for seed in range(plan.seeds)]
    losses = [row for gone in GONE for row in _loss_rows(found, gone)]
    return [gradient_row(plan), *losses, *(_decode_row(plan, found[0], gone) for gone in GONE)]


def gradient_row(plan: DispPlan) -> Row:
    """Row `disp/reinmax-gradient`."""
    found = [gradient_errors(seed, plan.gradient_samples) for seed in range(plan.gradient_seeds)]
    row = ratio_row(
        "disp/reinmax-gradient",
        [_BOUND for _ in found],
        [one.reinmax for one in found],
        peer_name="a hundredth of the exact gradient",
        unit="error of the mean gradient, relative",
        goal=1.0,
        detail={
            "samples": plan.gradient_samples,
            "reinmax": [round(one.reinmax, 5) for one in found],
            "straight-through": [round(one.straight_through, 4) for one in found],
        },
    )
    worst = max(one.reinmax for one in found)
    return replace(row, ours=row.peer, peer=_BOUND, holds=worst < _BOUND)


def _of_seed(plan: DispPlan, seed: int) -> SeedOutcome:
    text = corpus(plan.lm, seed)
    model = trained(plan.lm, text, seed)
    pruned = {gone: _pruned(plan, model, text, gone, seed) for gone in GONE}
    return SeedOutcome(model, held_loss(model, text), pruned)


def _pruned(plan: DispPlan, model: PreTrainedModel, text: Corpus, gone: int, seed: int) -> Pruned:
    keep = 1 - gone / 100
    budget = Budget.of(model, keep)
    learning = replace(plan.learning, seed=seed)
    shown = text.batches(learning.steps, plan.windows, seed + 1)
    made = compress(model, shown, DispSettings(keep, learning))

    def losses(models: Sequence[PreTrainedModel]) -> tuple[float, ...]:
        return tuple(held_loss(one, text) for one in models)

    return Pruned(
        ours=held_loss(made.model, text),
        magnitude=losses(by_magnitude(model, budget)),
        uniform=losses(of_uniform_width(model, budget, shown[:_PEER_BATCHES])),
        unstructured=held_loss(unstructured(model, budget), text),
        made=made,
    )


def _loss_rows(found: Sequence[SeedOutcome], gone: int) -> list[Row]:
    pruned = [one.pruned[gone] for one in found]
    detail = {
        "before": [round(one.before, 4) for one in found],
        "ours": [round(one.ours, 4) for one in pruned],
        "by norms / by leveled norms": [_rounded(one.magnitude) for one in pruned],
        "by norms / by norms and activations": [_rounded(one.uniform) for one in pruned],
        "unstructured": [round(one.unstructured, 4) for one in pruned],
        "parameters": [
            round(one.made.parameters / one.made.original_parameters, 4) for one in pruned
        ],
        "widths of the first seed": [list(own) for own in pruned[0].made.widths.values()],
    }

    def row(name: str, loss: Callable[[Pruned], float], goal: float | None) -> Row:
        made = ratio_row(
            f"disp/loss-{gone}/{name}", [loss(one) for one in pruned],
            [one.ours for one in pruned], peer_name=name, unit="nats a token of held-out text",
            goal=goal,
        )  # fmt: skip
        return replace(made, ours=made.peer, peer=made.ours)

    first = row("magnitude", lambda one: min(one.magnitude), _BELOW)
    return [
        replace(first, detail=detail),
        row("uniform-width", lambda one: min(one.uniform), _BELOW),
        row("magnitude-unstructured", lambda one: one.unstructured, None),
    ]


def _rounded(losses: Sequence[float]) -> list[float]:
    return [round(one, 4) for one in losses]


def _decode_row(plan: DispPlan, one: SeedOutcome, gone: int) -> Row:
    made = one.pruned[gone].made
    whole = {name: shape.whole for name, shape in layer_shapes(one.model).items()}
    before, after = decode_speeds(
        scaled(plan.shape, made, whole), tokens=plan.tokens, repeats=plan.repeats
    )
    small = decode_speeds([one.model, made.model], tokens=plan.tokens, repeats=plan.repeats)
    return ratio_row(
        f"disp/decode-{gone}", after, before, peer_name="not pruned", unit="tokens/s",
        goal=1.0,
        detail={
            "shape": plan.shape,
            "tokens": plan.tokens,
            "small model": [round(median(speeds), 1) for speeds in small],
        },
    )  # fmt: skip
