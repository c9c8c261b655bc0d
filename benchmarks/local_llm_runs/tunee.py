"""A model with whatever a configuration trains, ready for steps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from ado_service.local_llm.side.head_loss import IGNORED, next_token_loss
from ado_service.local_llm.side.qst_model import QSTModel
from ado_service.local_llm.side.side_config import SideSettings
from ado_service.local_llm.side.side_network import SideNetwork
from benchmarks.local_llm_runs.configuration import (
    LORA_ALPHA,
    LORA_RANK,
    REDUCTION,
    SIDE_RANK,
    Configuration,
    Method,
)


@dataclass(frozen=True, slots=True)
class Tunee:
    """What one step of training needs.

    Attributes:
        model: the decoder: of QST a `QSTModel`, otherwise the library's with what is trained in it.
        trainable: parameters that the optimizer moves.
        head_trained: whether the head is one of them.
    """

    model: PreTrainedModel
    trainable: tuple[nn.Parameter, ...]
    head_trained: bool

    def loss(self, ids: Tensor, labels: Tensor | None = None) -> Tensor:
        """Mean cross entropy (nats a token) of `batch x length` tokens.

        `labels` as everywhere in the library; by default every token is one. A frozen head takes
        the chunked loss whatever the method, so that none gains by another's logits.
        """
        wanted = ids if labels is None else labels
        if isinstance(self.model, QSTModel):
            found: Tensor | None = self.model(input_ids=ids, labels=wanted).loss
            assert found is not None
            return found
        hidden = self.model.get_decoder()(input_ids=ids, use_cache=False).last_hidden_state  # type: ignore[no-untyped-call]
        head = self.model.get_output_embeddings()  # type: ignore[no-untyped-call]
        if not self.head_trained:
            return next_token_loss(hidden, wanted, head, self.model.config.vocab_size)
        targets = wanted[:, 1:]
        counted = targets != IGNORED
        return functional.cross_entropy(head(hidden[:, :-1][counted]).float(), targets[counted])

    def optimizer(self, rate: float) -> torch.optim.AdamW:
        """AdamW over what is trained; its states are there already, as after a first step."""
        made = torch.optim.AdamW(self.trainable, lr=rate)
        for parameter in self.trainable:
            made.state[parameter] = {
                "step": torch.zeros(()),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
        return made


def tunee(
    base: PreTrainedModel,
    configuration: Configuration,
    *,
    dtype: torch.dtype,
    reduction: int = REDUCTION,
    seed: int = 0,
) -> Tunee:
    """`base` with a side network, with LoRA, or with all of its weights to be trained.

    Args:
        base: a frozen model, which this changes; quantized where the configuration wants it.
        configuration: what to train.
        dtype: of what is added: float32 or bfloat16.
        reduction: r of QST.
        seed: of its random weights.
    """
    match configuration.method:
        case Method.QST:
            return _with_side_network(base, configuration, dtype, reduction, seed)
        case Method.FULL:
            trainable = list(base.parameters())
        case Method.LORA | Method.QLORA:
            trainable = _with_lora(base, dtype, seed)
    for parameter in trainable:
        parameter.requires_grad_(True)
    if configuration.checkpointed:
        base.activation_checkpointing_enable({"use_reentrant": False})
    base.train()
    return Tunee(base, tuple(trainable), configuration.method is Method.FULL)


def _with_side_network(
    base: PreTrainedModel, configuration: Configuration, dtype: torch.dtype, reduction: int,
    seed: int,
) -> Tunee:  # fmt: skip
    settings = SideSettings(
        reduction, SIDE_RANK, configuration.downsampler, str(dtype).removeprefix("torch.")
    )
    side = SideNetwork.create(base, settings, seed=seed)
    side.checkpoint_layers(configuration.checkpointed)
    model = QSTModel(base, side)
    model.train()
    return Tunee(model, tuple(side.parameters()), head_trained=False)


def _with_lora(base: PreTrainedModel, dtype: torch.dtype, seed: int) -> list[nn.Parameter]:
    """LoRA on all linear layers but the head, in `dtype`: PEFT by itself would take float32."""
    options = LoraConfig(
        r=LORA_RANK, lora_alpha=LORA_ALPHA, lora_dropout=0.0, target_modules="all-linear",
        task_type="CAUSAL_LM",
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(options, base)
    trainable = [one for one in base.parameters() if one.requires_grad]
    for parameter in trainable:
        parameter.data = parameter.data.to(base.device, dtype)
    return trainable
