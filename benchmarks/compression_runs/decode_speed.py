"""Tokens a second of a decoder and of its pruned copies, in `generate` with a key-value cache."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from ado_service.local_llm.disp.disp_model import DispModel
from ado_service.local_llm.disp.layer_shape import Structures, layer_shapes
from benchmarks.local_llm_runs.shapes import SHAPES

_PROMPT = 32


def decode_speeds(
    models: Sequence[PreTrainedModel], *, tokens: int, repeats: int
) -> list[list[float]]:
    """Of each model, tokens a second of each repeat; the models take turns."""
    speeds: list[list[float]] = [[] for _ in models]
    for model in models:
        _seconds(model, tokens)  # the first call prepares kernels
    for _ in range(repeats):
        for place, model in enumerate(models):
            speeds[place].append(tokens / _seconds(model, tokens))
    return speeds


def scaled(shape: str, like: DispModel, whole: Mapping[str, Structures]) -> list[PreTrainedModel]:
    """A decoder of a shape of `SHAPES` with random weights, and pruned to the same parts.

    Each of its structures keeps the part that the structure of `like` at the same depth keeps.
    """
    torch.manual_seed(0)
    config = SHAPES[shape].config()
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    model.train(False)
    model.requires_grad_(False)
    layers = list(like.widths)
    gates = {}
    for place, (name, own) in enumerate(layer_shapes(model).items()):
        source = layers[place * len(layers) // config.num_hidden_layers]
        parts = zip(own.whole, like.widths[source], whole[source], strict=True)
        gates[name] = Structures(*(_first(wide, kept / most) for wide, kept, most in parts))
    return [model, DispModel.prune(model, gates).model]


def _first(width: int, part: float) -> Tensor:
    return (torch.arange(width) < max(1, round(width * part))).float()


@torch.no_grad()
def _seconds(model: PreTrainedModel, tokens: int) -> float:
    """Of decoding alone: the time to one token, prompt included, is taken off."""
    ids = torch.arange(3, 3 + _PROMPT).unsqueeze(0)
    return _generate(model, ids, tokens + 1) - _generate(model, ids, 1)


def _generate(model: PreTrainedModel, ids: Tensor, tokens: int) -> float:
    started = time.perf_counter()
    model.generate(  # type: ignore[operator]
        ids,
        attention_mask=torch.ones_like(ids),
        min_new_tokens=tokens,
        max_new_tokens=tokens,
        do_sample=False,
        use_cache=True,
        pad_token_id=0,
    )
    return time.perf_counter() - started
