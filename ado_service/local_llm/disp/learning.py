"""Learning which channels stay: only the hypernetwork is trained, the model is frozen.

Loss = language-model loss of the masked model + lambda log(max(P, T) / min(P, T)), where P counts
the parameters at the very gates that the loss was computed with, and T is the budget.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ado_service.local_llm.calibration import Batch, Calibration
from ado_service.local_llm.disp.budget import Budget, widths
from ado_service.local_llm.disp.gates import Gates, masked
from ado_service.local_llm.disp.hypernetwork import Hypernetwork
from ado_service.local_llm.disp.layer_shape import Structures
from ado_service.local_llm.disp.reinmax import reinmax
from ado_service.local_llm.errors import CompressionError
from ado_service.local_llm.side.head_loss import IGNORED, next_token_loss


@dataclass(frozen=True, slots=True)
class LearningSettings:
    """How the hypernetwork learns; the defaults are the paper's (appendix A).

    Attributes:
        steps: of AdamW, each on the next batch of the calibration, over and over.
        rate, decay: of AdamW.
        weight: of the budget in the loss (lambda).
        largest_norm: of the gradient.
        seed: of the hypernetwork and of the gates that are drawn.
    """

    steps: int = 10_000
    rate: float = 1e-3
    decay: float = 0.05
    weight: float = 6.0
    largest_norm: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class LearningStep:
    """One step: losses in nats a token, and the parameters at the gates that were drawn."""

    step: int
    loss: float
    parameters: int


Watch = Callable[[LearningStep], None]


def learn(
    model: PreTrainedModel, calibration: Calibration, budget: Budget, settings: LearningSettings,
    watch: Watch | None = None,
) -> dict[str, Structures]:  # fmt: skip
    """Logits of all channels, by layer, after learning.

    Raises:
        CompressionError: the loss is no number any more.
    """
    hyper = Hypernetwork(budget.shapes, seed=settings.seed).to(model.device)
    optimizer = torch.optim.AdamW(hyper.parameters(), lr=settings.rate, weight_decay=settings.decay)
    generator = torch.Generator().manual_seed(settings.seed)
    for step in range(settings.steps):
        batch = calibration[step % len(calibration)]
        gates = _drawn(hyper(), generator)
        with masked(model, gates):
            loss = language_loss(model, batch)
        parameters = budget.parameters(widths(gates))
        total = loss + settings.weight * _distance(parameters, budget.target)
        if not bool(torch.isfinite(total)):
            raise CompressionError(
                f"the loss is {loss.item()} at step {step}; look for broken weights, or load the "
                "model in float32"
            )
        optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(hyper.parameters(), settings.largest_norm)
        optimizer.step()
        if watch is not None:
            watch(LearningStep(step, loss.item(), budget.fixed + int(parameters.item())))
    with torch.no_grad():
        found: dict[str, Structures] = hyper()
    return found


def language_loss(model: PreTrainedModel, batch: Batch) -> Tensor:
    """Mean cross entropy of the next tokens of a batch (nats a token).

    `labels` of the batch say which tokens count; without them all do but padding.
    """
    ids = batch["input_ids"].to(model.device)
    mask = batch.get("attention_mask")
    labels = batch.get("labels")
    if labels is None:
        labels = ids if mask is None else ids.masked_fill(mask.to(ids.device) == 0, IGNORED)
    hidden = model.get_decoder()(  # type: ignore[no-untyped-call]
        input_ids=ids,
        attention_mask=None if mask is None else mask.to(ids.device),
        use_cache=False,
    ).last_hidden_state
    head = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    return next_token_loss(hidden, labels.to(ids.device), head, model.config.vocab_size)


def _drawn(logits: Mapping[str, Structures], generator: torch.Generator) -> Gates:
    """One sample of all gates: the loss and the count of parameters share it."""

    def gate(one: Tensor) -> Tensor:
        uniform = torch.rand(one.shape, generator=generator).to(one.device)
        return reinmax(one, uniform)

    return {name: Structures(*map(gate, own)) for name, own in logits.items()}


def _distance(parameters: Tensor, target: int) -> Tensor:
    """log(max(P, T) / min(P, T)), which is |log P - log T|."""
    return (parameters.clamp_min(1.0).log() - torch.tensor(float(target)).log()).abs()
