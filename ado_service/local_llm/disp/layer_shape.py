"""What the widths of a pruned decoder layer come to in parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from torch import nn
from transformers import PreTrainedModel

from ado_service.local_llm.errors import UnsupportedModelError
from ado_service.local_llm.transformer_blocks import blocks

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")
"""Model types whose layers are a gated feed-forward block after attention, each with its norm."""


class Structures(NamedTuple):
    """One thing for each of the five selections of a layer (S1 to S5 of the paper).

    Heads are not pruned: attention is `d -> attention_in`, all heads, `attention_out -> d`, and the
    feed-forward block `d -> mlp_in -> mlp_inner -> mlp_out -> d`.
    """

    attention_in: Any
    attention_out: Any
    mlp_in: Any
    mlp_inner: Any
    mlp_out: Any


@dataclass(frozen=True, slots=True)
class LayerShape:
    """Sizes of a layer, read off its own matrices, so that grouped queries count as they are.

    Attributes:
        width: of the residual stream. inner: of the feed-forward block.
        heads: outputs of the query projection.
        projected: outputs of the query, key and value projections together.
        biases: whether attention's output, the two inner projections and the block's output have
            one (0 or 1), which is then as wide as what it is added to.
    """

    width: int
    inner: int
    heads: int
    projected: int
    biases: tuple[int, int, int]

    @classmethod
    def of(cls, layer: nn.Module) -> Self:
        """The shape of a layer of one of the families."""
        attention: Any = layer.self_attn
        mlp: Any = layer.mlp
        queries = (attention.q_proj, attention.k_proj, attention.v_proj)
        return cls(
            width=attention.q_proj.in_features,
            inner=mlp.down_proj.in_features,
            heads=attention.o_proj.in_features,
            projected=sum(one.out_features for one in queries),
            biases=(
                int(attention.o_proj.bias is not None),
                int(mlp.gate_proj.bias is not None) + int(mlp.up_proj.bias is not None),
                int(mlp.down_proj.bias is not None),
            ),
        )

    @property
    def whole(self) -> Structures:
        """The widths before anything is pruned."""
        return Structures(self.width, self.width, self.width, self.inner, self.width)

    def parameters(self, widths: Structures) -> Any:
        """Parameters of all that pruning changes, for widths that are numbers or tensors.

        Norms and the biases of queries, keys and values stay whatever the widths are.
        """
        after, between, last = self.biases
        return (
            widths.attention_in * self.projected
            + widths.attention_out * (self.heads + after)
            + widths.mlp_inner * (2 * widths.mlp_in + between)
            + widths.mlp_out * (widths.mlp_inner + last)
        )


def layer_shapes(model: PreTrainedModel) -> dict[str, LayerShape]:
    """Name and shape of each layer of a decoder.

    Raises:
        UnsupportedModelError: the model is of another family, quantized, or compressed before.
    """
    layers = blocks(model)
    if model.config.model_type not in FAMILIES:
        raise UnsupportedModelError(
            f"DISP-LLM prunes models of type {', '.join(FAMILIES)}; this one is of type "
            f"{model.config.model_type!r}, whose layers are built in another way: compress it by "
            "mixed-rank"
        )
    return {name: LayerShape.of(layer) for name, layer in layers.items()}
