"""The loss of a decoder that is trained itself: on answers alone, the logits chunk by chunk."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from ado_service.local_llm.side.head_loss import IGNORED, next_token_loss
from ado_service.tunings.lesson import Lesson

_CHUNK_LOGITS = 2**24  # 64 MiB of float32


def decoder_loss(model: PreTrainedModel, lesson: Lesson, *, head_trained: bool) -> Tensor:
    """Mean cross entropy of the answers' tokens, nats.

    Args:
        model: a causal language model of the library.
        lesson: the batch.
        head_trained: whether the head needs a gradient, which `next_token_loss` does not give.
    """
    hidden: Tensor = model.get_decoder()(  # type: ignore[no-untyped-call]
        input_ids=lesson.input_ids, attention_mask=lesson.attention_mask, use_cache=False
    ).last_hidden_state
    head: nn.Module = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    vocabulary = int(model.config.vocab_size)
    if not head_trained:
        return next_token_loss(hidden, lesson.labels, head, vocabulary)
    return _loss_with_head(hidden, lesson.labels, head, max(1, _CHUNK_LOGITS // vocabulary))


def _loss_with_head(hidden: Tensor, labels: Tensor, head: nn.Module, chunk: int) -> Tensor:
    """The same with a gradient for the head: each chunk's logits are computed twice, kept never."""

    def piece_loss(states: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(head(states).float(), targets, reduction="sum")

    targets = labels[:, 1:]
    counted = targets != IGNORED
    states, wanted = hidden[:, :-1][counted], targets[counted]
    pieces = zip(states.split(chunk), wanted.split(chunk), strict=True)  # type: ignore[no-untyped-call]
    total = sum(
        (checkpoint(piece_loss, *piece, use_reentrant=False) for piece in pieces),
        start=torch.zeros((), device=hidden.device),
    )
    return total / max(1, len(wanted))
