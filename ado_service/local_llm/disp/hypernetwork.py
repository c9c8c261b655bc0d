"""The network that says how likely each channel of each layer is to stay."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ado_service.local_llm.disp.layer_shape import LayerShape, Structures

_INPUTS = 32
_HIDDEN = 64
START = 3.0
"""Added to every logit: at the beginning a channel stays with probability 0.95."""


class Hypernetwork(nn.Module):
    """Fixed random inputs, a bidirectional GRU over all structures, and a linear head for each.

    The GRU runs through the layers in their order, five steps each, so that what one layer gives
    up can depend on what others keep (arXiv 2410.11988, section 3.3).
    """

    def __init__(self, shapes: Mapping[str, LayerShape], *, seed: int) -> None:
        super().__init__()
        self._names = tuple(shapes)
        widths = [width for shape in shapes.values() for width in shape.whole]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.inputs: Tensor
            self.register_buffer("inputs", torch.randn(len(widths), _INPUTS))
            self.gru = nn.GRU(_INPUTS, _HIDDEN, bidirectional=True)
            self.after = nn.Sequential(nn.LayerNorm(2 * _HIDDEN), nn.GELU())
            self.heads = nn.ModuleList(nn.Linear(2 * _HIDDEN, width) for width in widths)

    def forward(self) -> dict[str, Structures]:
        """Logits by layer, of each structure a vector as wide as it."""
        states = self.after(self.gru(self.inputs)[0])
        logits = [head(state) + START for head, state in zip(self.heads, states, strict=True)]
        each = len(Structures._fields)
        return {
            name: Structures(*logits[each * place : each * (place + 1)])
            for place, name in enumerate(self._names)
        }
