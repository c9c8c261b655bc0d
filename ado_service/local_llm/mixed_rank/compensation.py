"""Layer-wise error compensation: what went wrong before a layer is put right in it.

A layer is the sum of its principal low rank and a compact residual (arXiv 2402.06004, section 5).
The closed form is best for the inputs of the original model; in the compressed one a layer gets the
errors of all layers before it. So the residual, which begins as the weakest directions of the
closed form, is trained by gradient until the layer gives what it gave in the original model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from ado_service.local_llm.calibration import Calibration, tap
from ado_service.local_llm.errors import CompressionError
from ado_service.local_llm.mixed_rank.factorized_linear import FactorizedLinear

_CHECKS = 10
"""How often in a training the held-out rows are looked at."""
_LAST = 0.05
"""Part of the learning rate that is left at the end."""


@dataclass(frozen=True, slots=True)
class CompensationSettings:
    """How residuals are trained.

    Attributes:
        share: part of a layer's rank that is its residual.
        steps: of Adam, for each layer.
        rate: learning rate, as a part of the root mean square of the weights that it moves.
        rows: of a step.
        held: part of the proxy rows that is only looked at; the best weights on it are kept.
        seed: of the order of the rows.
    """

    share: float = 0.5
    steps: int = 200
    rate: float = 0.02
    rows: int = 512
    held: float = 0.2
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Compensated:
    """Relative error of a layer's outputs on held-out rows: `||Y - Y'||^2 / ||Y||^2`."""

    before: float
    after: float


def compensate(
    original: PreTrainedModel, compressed: PreTrainedModel, names: tuple[str, ...],
    proxy: Calibration, settings: CompensationSettings,
) -> dict[str, Compensated]:  # fmt: skip
    """Train the residuals of the named layers of `compressed`, which come in call order.

    Raises:
        CompressionError: the proxy set has a single row.
    """
    found = {}
    for name in names:
        inputs, targets = _rows(original, compressed, name, proxy)
        layer = compressed.get_submodule(name)
        assert isinstance(layer, FactorizedLinear)
        found[name] = _train(layer, inputs, targets, settings)
    return found


def _rows(
    original: PreTrainedModel, compressed: PreTrainedModel, name: str, proxy: Calibration
) -> tuple[Tensor, Tensor]:
    """What the layer gets in the compressed model, and what it is to give, in float32."""
    taken = [tap(compressed, [name], batch)[name].inputs for batch in proxy]
    given = [tap(original, [name], batch)[name].outputs for batch in proxy]
    inputs, targets = torch.cat(taken).float(), torch.cat(given).float()
    if len(inputs) < 2:
        raise CompressionError(
            "the proxy set has a single row, and some are held out; give more batches"
        )
    return inputs, targets


class _Residual(nn.Module):
    """The trained half of a layer in float32; the other half is in the targets already."""

    def __init__(self, layer: FactorizedLinear, share: float) -> None:
        super().__init__()
        count = max(1, round(share * layer.rank))
        self.down = nn.Parameter(layer.down.weight[-count:].float())
        self.up = nn.Parameter(layer.up.weight[:, -count:].float())
        bias = layer.up.bias
        self.bias = None if bias is None else nn.Parameter(bias.float())

    def forward(self, inputs: Tensor) -> Tensor:
        return functional.linear(functional.linear(inputs, self.down), self.up, self.bias)


def _train(
    layer: FactorizedLinear, inputs: Tensor, targets: Tensor, settings: CompensationSettings
) -> Compensated:
    residual = _Residual(layer, settings.share)
    scale = float(targets.square().mean()) or 1.0
    wanted = targets - _principal(layer, inputs, residual)
    held = max(1, round(settings.held * len(inputs)))
    asked, answers = inputs[-held:], wanted[-held:]
    seen, goals = inputs[:-held], wanted[:-held]
    generator = torch.Generator().manual_seed(settings.seed)
    optimizer = _optimizer(residual, settings.rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: 1 - (1 - _LAST) * step / settings.steps
    )
    before = best = _error(residual, asked, answers)
    kept = _state(residual)
    every = max(1, settings.steps // _CHECKS)
    for step in range(1, settings.steps + 1):
        chosen = torch.randint(len(seen), (settings.rows,), generator=generator)
        loss = functional.mse_loss(residual(seen[chosen]), goals[chosen]) / scale
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if step % every == 0 and (error := _error(residual, asked, answers)) < best:
            best, kept = error, _state(residual)
    _put_back(layer, kept)
    total = float(targets[-held:].square().mean()) or 1.0
    return Compensated(before / total, best / total)


@torch.no_grad()
def _principal(layer: FactorizedLinear, inputs: Tensor, residual: _Residual) -> Tensor:
    """What the part of the layer gives that is not trained, `rows x d_out`."""
    count = layer.rank - len(residual.down)
    between = functional.linear(inputs, layer.down.weight[:count].float())
    return functional.linear(between, layer.up.weight[:, :count].float())


def _optimizer(residual: _Residual, rate: float) -> torch.optim.Adam:
    """Adam, whose steps are in proportion to each tensor's own size."""
    sizes = {id(one): float(one.detach().square().mean().sqrt()) for one in residual.parameters()}
    usual = max(sizes.values()) or 1.0
    return torch.optim.Adam(
        [{"params": [one], "lr": rate * (sizes[id(one)] or usual)}
         for one in residual.parameters()]
    )  # fmt: skip


@torch.no_grad()
def _error(residual: _Residual, inputs: Tensor, targets: Tensor) -> float:
    return float(functional.mse_loss(residual(inputs), targets))


def _state(residual: _Residual) -> Mapping[str, Tensor]:
    return {name: value.detach().clone() for name, value in residual.named_parameters()}


@torch.no_grad()
def _put_back(layer: FactorizedLinear, state: Mapping[str, Tensor]) -> None:
    count = len(state["down"])
    layer.down.weight[-count:] = state["down"].to(layer.down.weight)
    layer.up.weight[:, -count:] = state["up"].to(layer.up.weight)
    if "bias" in state:
        layer.up.bias.copy_(state["bias"])
