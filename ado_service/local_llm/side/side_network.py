"""The side network: everything of side tuning that is trained, saved and swapped."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import AutoModel, Cache, PreTrainedConfig, PreTrainedModel

from ado_service.local_llm.side.downsampler import make_downsampler
from ado_service.local_llm.side.side_config import SideSettings, shrink


class GatedLayer(nn.Module):
    """A side layer whose input mixes the layer before it with the backbone's hidden states.

    input = (1 - beta) downsampled + beta previous, beta = sigmoid(gamma), gamma starting at 0. The
    gate stays in float32: in bfloat16 the steps of training round to nothing.
    """

    def __init__(self, layer: nn.Module, index: int) -> None:
        super().__init__()
        self.layer, self.index = layer, index
        self.gamma = nn.Parameter(torch.zeros(()))
        self.checkpointed = False

    def forward(
        self, hidden_states: Tensor, *, downsampled: Sequence[Tensor], **options: Any
    ) -> Tensor:
        """Output of the layer, `batch x length x width`.

        `downsampled` holds the embeddings and then one tensor for each layer of the backbone.
        """
        beta = torch.sigmoid(self.gamma)
        fresh = downsampled[self.index + 1]
        mixed = fresh + beta * (hidden_states - fresh)
        run = partial(self.layer, **options)
        if self.checkpointed and torch.is_grad_enabled():
            output: Tensor = checkpoint(run, mixed, use_reentrant=False)
        else:
            output = run(mixed)
        return output


class SideNetwork(nn.Module):
    """N narrow layers of the backbone's kind, their downsamplers and gates, and the way back up.

    `config` is that of its layers. The mix `alpha` starts at 1, where the side network adds
    nothing; like the gates it stays in float32.
    """

    def __init__(
        self, settings: SideSettings, config: PreTrainedConfig, *, inputs: int, outputs: int
    ) -> None:
        """Build it with random weights; see `create`, which needs no widths.

        Args:
            settings: what was chosen.
            config: the shrunken config.
            inputs: channels of the backbone's hidden states.
            outputs: channels of the backbone's last hidden state, which its head takes.
        """
        super().__init__()
        self.settings, self.config = settings, config
        dtype, width = settings.torch_dtype, config.hidden_size
        self.downsamplers = nn.ModuleList(
            make_downsampler(
                settings.downsampler, inputs=inputs, outputs=width, rank=settings.rank, dtype=dtype
            )
            for _ in range(config.num_hidden_layers + 1)
        )
        self.body: PreTrainedModel = AutoModel.from_config(config, dtype=dtype)  # type: ignore[no-untyped-call]
        self.body.set_input_embeddings(nn.Identity())  # driven with embeddings: no vocabulary
        self._layers = _gate(self.body)
        self.up = nn.Linear(width, outputs, bias=False, dtype=dtype)
        self.alpha = nn.Parameter(torch.ones(()))

    @classmethod
    def create(cls, backbone: PreTrainedModel, settings: SideSettings, *, seed: int = 0) -> Self:
        """A new side network for a model, on its device, with weights that the seed decides.

        Raises:
            UnsupportedModelError: the reduction does not suit the model.
        """
        config = backbone.config
        small = shrink(config, settings.reduction)
        outputs = getattr(config, "word_embed_proj_dim", None) or config.hidden_size
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            side = cls(settings, small, inputs=config.hidden_size, outputs=outputs)
        return side.to(backbone.device)

    def checkpoint_layers(self, checkpointed: bool = True) -> None:
        """Whether side layers recompute their activations in the backward pass (less memory)."""
        for layer in self._layers:
            layer.checkpointed = checkpointed

    def forward(
        self,
        downsampled: Sequence[Tensor],
        *,
        attention_mask: Tensor | None,
        position_ids: Tensor | None,
        past_key_values: Cache | None,
    ) -> Tensor:
        """Hidden states, `batch x length x outputs`, for the downsampled ones of the backbone.

        Masks, positions and rotations are those of the library's model of the family.
        """
        hidden = self.body(
            inputs_embeds=downsampled[0],
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            use_cache=past_key_values is not None,
            downsampled=downsampled,
        ).last_hidden_state
        raised: Tensor = self.up(hidden)
        return raised

    def mix(self, backbone: Tensor, side: Tensor) -> Tensor:
        """Input of the head: alpha backbone + (1 - alpha) side, exactly `backbone` at alpha 1."""
        return backbone + (1 - self.alpha) * (side.to(backbone.dtype) - backbone)


def _gate(body: PreTrainedModel) -> list[GatedLayer]:
    """Wrap the layers of a decoder in gates, in place."""
    decoder = body.get_decoder()  # type: ignore[no-untyped-call]
    gated = [GatedLayer(layer, index) for index, layer in enumerate(decoder.layers)]
    decoder.layers = nn.ModuleList(gated)
    return gated
