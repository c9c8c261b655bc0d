"""What tuning reaches: held-out loss of QST and of QLoRA after the same steps on the same examples.

The backbone is trained first, on other circuits, or given: to tune random weights says nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from ado_service.local_llm.backbone import Backbone, Quantization
from ado_service.local_llm.pretrain.harvest import Harvest
from benchmarks.local_llm_runs.configuration import CONFIGURATIONS, QLORA, QST
from benchmarks.local_llm_runs.learning import answer_loss, learn
from benchmarks.local_llm_runs.loss_plan import LossPlan
from benchmarks.local_llm_runs.school import school
from benchmarks.local_llm_runs.sizing_data import Batch, batches, drawn, simulated, split
from benchmarks.local_llm_runs.tunee import tunee
from benchmarks.report import Row

_TARGET = ("five_transistor_ota", 3)
_HELD_SEED, _FIRST_SEED = 2, 100
_RATES = {QST: (2e-2, 4e-2, 8e-2), QLORA: (3e-3, 6e-3, 1.2e-2)}
"""Learning rates that are tried with the first seed; the best of each method serves the others."""
_SCALARS = {QST: 5.0, QLORA: 1.0}
"""How many times the rate it is for the gates."""
GOAL = 1 / 1.01


def loss_row(plan: LossPlan, *, model: Path | None, dtype: torch.dtype) -> Row:
    """Row `loss/qst-vs-qlora`; `model` is the folder of a backbone that can already size."""
    target = simulated(_TARGET[0], designs=plan.designs, variation=_TARGET[1], brief=model is None)
    shown, hidden = split(target, seed=0)
    with _backbone(plan, target, model, dtype) as folder:
        first = Backbone.load(folder, quantization=Quantization.NF4, dtype=dtype)
        held = _batches(plan, first, [hidden], _HELD_SEED, plan.held)
        before = answer_loss(tunee(first.model, CONFIGURATIONS[QST], dtype=dtype,
                                   reduction=plan.reduction), held)  # fmt: skip
        tunings = Tunings(plan, folder, held, dtype)
        lessons = [
            _batches(plan, first, [shown], _FIRST_SEED + seed, plan.lessons)
            for seed in range(plan.seeds)
        ]
        found = {name: _all_seeds(tunings, name, lessons) for name in (QST, QLORA)}
    return _row(plan, found, before, model, len(lessons[0]), first)


@dataclass(frozen=True, slots=True)
class Tunings:
    """What all tunings have in common."""

    plan: LossPlan
    folder: Path
    held: Sequence[Batch]
    dtype: torch.dtype

    def loss(self, name: str, lessons: Sequence[Batch], *, seed: int, rate: float) -> float:
        """Held-out loss after a tuning of a backbone loaded for it."""
        loaded = Backbone.load(self.folder, quantization=Quantization.NF4, dtype=self.dtype)
        made = tunee(
            loaded.model,
            CONFIGURATIONS[name],
            dtype=self.dtype,
            reduction=self.plan.reduction,
            seed=seed,
        )
        learn(made, lessons, rate=rate, scalars=_SCALARS[name])
        return answer_loss(made, self.held)


@dataclass(frozen=True, slots=True)
class MethodLosses:
    """Of one method: losses of the first seed by learning rate, and of each seed at the best."""

    tried: dict[float, float]
    losses: list[float]

    @property
    def rate(self) -> float:
        """The learning rate with the least loss."""
        return min(self.tried, key=lambda rate: self.tried[rate])


def _all_seeds(tunings: Tunings, name: str, lessons: Sequence[Sequence[Batch]]) -> MethodLosses:
    tried = {rate: tunings.loss(name, lessons[0], seed=0, rate=rate) for rate in _RATES[name]}
    best = min(tried, key=lambda rate: tried[rate])
    others = [
        tunings.loss(name, lessons[seed], seed=seed, rate=best) for seed in range(1, len(lessons))
    ]
    return MethodLosses(tried, [tried[best], *others])


def _batches(
    plan: LossPlan, backbone: Backbone, harvests: Sequence[Harvest], seed: int, count: int
) -> list[Batch]:
    return batches(
        drawn(harvests, seed, count), backbone.tokenizer, size=plan.size, context=backbone.context,
        seed=seed,
    )  # fmt: skip


@contextmanager
def _backbone(
    plan: LossPlan, target: Harvest, model: Path | None, dtype: torch.dtype
) -> Iterator[Path]:
    """The given folder, or one with a backbone trained just now."""
    if model is not None:
        yield model
        return
    with tempfile.TemporaryDirectory(prefix="ado-backbone-") as folder:
        school(plan, target, Path(folder), dtype)
        yield Path(folder)


def _row(
    plan: LossPlan, found: dict[str, MethodLosses], before: float, model: Path | None, steps: int,
    backbone: Backbone,
) -> Row:  # fmt: skip
    ours, peer = found[QST].losses, found[QLORA].losses
    ratios = [its / mine for mine, its in zip(ours, peer, strict=True)]
    ratio = median(ratios)
    shape = backbone.model.config
    origin = f"trained on {plan.school} examples of other circuits" if model is None else model.name
    return Row(
        name="loss/qst-vs-qlora", ours=median(ours), peer=median(peer), peer_name=QLORA,
        unit="nats a token of held-out answers", ratio=ratio, goal=GOAL, holds=ratio >= GOAL,
        n=len(ratios), low=min(ratios), high=max(ratios),
        detail={
            "before": round(before, 4),
            "losses": {name: _rounded(one.losses) for name, one in found.items()},
            "rate": {name: one.rate for name, one in found.items()},
            "tried": {name: _rounded(one.tried.values()) for name, one in found.items()},
            "backbone": f"{shape.num_hidden_layers} layers of width {shape.hidden_size}, {origin}",
            "steps": steps,
            "batch": plan.size,
            "reduction": plan.reduction,
        },
    )  # fmt: skip


def _rounded(losses: Iterable[float]) -> list[float]:
    return [round(one, 4) for one in losses]
