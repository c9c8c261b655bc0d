"""A frozen decoder with a side network, which the library trains and generates with as one model.

Quantized side tuning (QST, ACL 2024, arXiv 2401.07159, section 3): the backbone runs without a
gradient, its hidden states feed the side network, and the two mix before the frozen head.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn
from transformers import Cache, GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from ado_service.local_llm.errors import LocalModelError
from ado_service.local_llm.side import joint_cache
from ado_service.local_llm.side.head_loss import next_token_loss
from ado_service.local_llm.side.side_network import SideNetwork


class QSTModel(PreTrainedModel, GenerationMixin):  # type: ignore[no-untyped-call]
    """A decoder whose answers a side network changes; a new one answers as the backbone does.

    Attaching is building one, which freezes the backbone; many may share a backbone, so changing
    the task is using another. Only `side` is trained: give its parameters to the optimizer.
    """

    main_input_name = "input_ids"
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True

    def __init__(self, backbone: PreTrainedModel, side: SideNetwork) -> None:
        super().__init__(copy.deepcopy(backbone.config))
        self.generation_config = copy.deepcopy(backbone.generation_config)
        self._was_trainable = [p for p in backbone.parameters() if p.requires_grad]
        self._was_training = backbone.training
        self._attached = True
        self.backbone = backbone.requires_grad_(False)
        self.side = side
        self.train(side.training)

    def detach(self) -> PreTrainedModel:
        """The backbone as it was before; this model answers no more, `side` can be used again."""
        self._attached = False
        for parameter in self._was_trainable:
            parameter.requires_grad_(True)
        self.backbone.train(self._was_training)
        return self.backbone

    def train(self, mode: bool = True) -> Self:
        """Switch dropout of the side network; the frozen backbone never drops anything."""
        super().train(mode)
        self.backbone.eval()  # type: ignore[no-untyped-call]
        return self

    def get_input_embeddings(self) -> nn.Module:
        """Those of the backbone."""
        return self.backbone.get_input_embeddings()

    def get_output_embeddings(self) -> nn.Module:
        """The head of the backbone."""
        return self._head

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        return_dict: Literal[True] = True,  # noqa: ARG002 - the library's generation passes it
    ) -> CausalLMOutputWithPast:
        """As a decoder of the library, with one difference: with labels there are no logits.

        Args:
            input_ids: tokens, `batch x length`.
            attention_mask: 1 where a token counts, `batch x (past + length)`.
            position_ids: `batch x length`; by default counted by the family's own rule.
            past_key_values: a `DynamicCache`, which gets the layers of both networks.
            labels: tokens to predict, `batch x length`, -100 where none; gives `loss`.
            use_cache: whether to fill a cache; by default only where one is given.
            logits_to_keep: last positions to compute logits of; 0 for all of them.
            return_dict: the only form of answer.

        Raises:
            LocalModelError: the side network was detached, or the cache is of another decoder.
        """
        if not self._attached:
            raise LocalModelError("this side network was detached; attach it with a new QSTModel")
        cache = self._cache(past_key_values, use_cache)
        inputs = {"attention_mask": attention_mask, "position_ids": position_ids}
        frozen, downsampled = self._run_backbone(
            input_ids=input_ids, past_key_values=cache, use_cache=cache is not None, **inputs
        )
        half = None if cache is None else joint_cache.side_half(cache, self._count)
        hidden = self.side.mix(frozen, self.side(downsampled, past_key_values=half, **inputs))
        if labels is not None:
            loss = next_token_loss(hidden, labels, self._head, self.config.vocab_size)
            return CausalLMOutputWithPast(loss=loss, past_key_values=cache)
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        return CausalLMOutputWithPast(logits=self._head(hidden[:, kept]), past_key_values=cache)

    @property
    def _count(self) -> int:
        """N, the number of layers of either network."""
        return int(self.config.num_hidden_layers)

    @property
    def _head(self) -> nn.Module:
        head: nn.Module = self.backbone.get_output_embeddings()  # type: ignore[no-untyped-call]
        return head

    def _cache(self, given: Cache | None, use_cache: bool | None) -> Cache | None:
        if use_cache or (use_cache is None and given is not None):
            return joint_cache.join(given, self.config)
        return None

    def _run_backbone(self, **inputs: Any) -> tuple[Tensor, list[Tensor]]:
        """The last hidden state, `batch x length x d`, and the downsampled ones of all layers."""
        with self._tapped() as downsampled, torch.no_grad():
            last: Tensor = self.backbone.get_decoder()(**inputs).last_hidden_state  # type: ignore[no-untyped-call]
        return last, downsampled

    @contextmanager
    def _tapped(self) -> Iterator[list[Tensor]]:
        """Downsample each hidden state as soon as it is there, so that none has to be kept.

        The hooks are there for one pass, so that the backbone stays a plain model. They heed their
        own thread alone: another may use the same backbone with another side network or none.
        """
        owner, with_gradient = threading.get_ident(), torch.is_grad_enabled()
        downsampled: list[Tensor] = []

        def keep(hidden: Tensor) -> None:
            if threading.get_ident() == owner:
                with torch.set_grad_enabled(with_gradient):
                    downsampler = self.side.downsamplers[len(downsampled)]
                    downsampled.append(downsampler(hidden))

        layers = self.backbone.get_decoder().layers  # type: ignore[no-untyped-call]
        first = layers[0].register_forward_pre_hook(lambda _, inputs: keep(inputs[0]))
        others = [layer.register_forward_hook(lambda *call: keep(call[2])) for layer in layers]
        try:
            yield downsampled
        finally:
            for hook in (first, *others):
                hook.remove()
