"""What a side network looks like: its settings, and the shrunken config of its layers."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedConfig

from ado_service.local_llm.errors import UnsupportedModelError
from ado_service.local_llm.side.downsampler import DownsamplerKind

_DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


@dataclass(frozen=True)
class SideSettings:
    """What is chosen about a side network (the names of the paper in brackets).

    `reduction` (r) is how many times narrower it is than the backbone; `rank` is the inner width
    of the LoRA and adapter downsamplers; `dtype` holds its weights, "bfloat16" or "float32".
    """

    reduction: int = 16
    rank: int = 16
    downsampler: DownsamplerKind = DownsamplerKind.ADAPTER
    dtype: str = "bfloat16"

    def __post_init__(self) -> None:
        if self.reduction < 1 or self.rank < 1:
            raise UnsupportedModelError(
                f"reduction {self.reduction} and rank {self.rank} must be at least 1"
            )
        if self.dtype not in _DTYPES:
            raise UnsupportedModelError(
                f"a side network of type {self.dtype!r} is not supported; use {', '.join(_DTYPES)}"
            )

    @property
    def torch_dtype(self) -> torch.dtype:
        """The type of its weights."""
        return _DTYPES[self.dtype]


def shrink(config: PreTrainedConfig, reduction: int) -> PreTrainedConfig:
    """The config of a model `reduction` times narrower, with the same layers and heads.

    It has no vocabulary, as it is driven with embeddings. The factors of a long-context rotary
    embedding are fitted to the width of a head, so the side network has the plain one.

    Raises:
        UnsupportedModelError: no head of that width exists; the message lists what works.
    """
    if not _divides(config, reduction):
        works = [str(r) for r in range(1, config.hidden_size + 1) if _divides(config, r)]
        raise UnsupportedModelError(
            f"reduction {reduction} does not divide a model of width {config.hidden_size} with "
            f"{config.num_attention_heads} heads; these do: {', '.join(works)}"
        )
    small = copy.deepcopy(config)
    for name in ("hidden_size", "intermediate_size", "ffn_dim", "head_dim", "word_embed_proj_dim"):
        width = getattr(small, name, None)
        if width is not None:
            setattr(small, name, max(1, width // reduction))
    if hasattr(small, "word_embed_proj_dim"):
        small.word_embed_proj_dim = small.hidden_size
    if hasattr(small, "layerdrop"):
        small.layerdrop = 0.0  # a dropped layer would take its gate with it
    small.vocab_size, small.pad_token_id = 1, None
    small.tie_word_embeddings = False
    if hasattr(small, "quantization_config"):
        del small.quantization_config
    rope = getattr(small, "rope_parameters", None)
    if rope and rope.get("rope_type") == "longrope":
        small.rope_parameters = _plain_rope(rope)
    return small


def _divides(config: PreTrainedConfig, reduction: int) -> bool:
    """Whether heads and channels divide, and whether a head keeps pairs of rotary dimensions."""
    width, heads = config.hidden_size, config.num_attention_heads
    head = getattr(config, "head_dim", None) or width // heads
    if width % (reduction * heads) or head % reduction:
        return False
    rope = getattr(config, "rope_parameters", None)
    if not rope:
        return True
    rotary = int(head // reduction * rope.get("partial_rotary_factor", 1.0))
    return rotary >= 2 and rotary % 2 == 0


def _plain_rope(rope: dict[str, Any]) -> dict[str, Any]:
    kept = ("rope_theta", "partial_rotary_factor")
    return {"rope_type": "default", **{name: rope[name] for name in kept if name in rope}}
