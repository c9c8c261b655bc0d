"""LoRA matrices on quantized layers, by peft."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import peft
import torch
from peft.tuners.lora import Linear
from transformers import PreTrainedModel

from ado_service.local_llm.errors import UnsupportedModelError
from ado_service.local_llm.quant.coded_linear import CodedLinear

ADAPTER = "default"
"""peft's name of an adapter that is the only one."""


class QuantizedLora(Linear):
    """LoRA beside a layer of codes, into which it cannot be merged."""

    def merge(self, safe_merge: bool = False, adapter_names: list[str] | None = None) -> None:  # noqa: ARG002
        """Refuse: codes cannot hold the sum, and quantizing that anew would lose the tuning.

        Raises:
            UnsupportedModelError: always.
        """
        raise UnsupportedModelError(
            "LoRA cannot be merged into quantized weights; merge it into the model that "
            "save_dequantized writes"
        )

    def unmerge(self) -> None:
        """Nothing: it never was merged."""


def add_lora(model: PreTrainedModel, *, rank: int, targets: list[str]) -> peft.PeftModel:
    """Put matrices of this rank beside all layers of these names, scaled by 1."""
    config = peft.LoraConfig(
        r=rank,
        lora_alpha=rank,
        lora_dropout=0.0,
        target_modules=targets,
        task_type="CAUSAL_LM",
    )
    _know_codes(config)
    # peft fills the matrices with random numbers: not at the cost of the caller's.
    with torch.random.fork_rng(devices=[]), _without_advice():
        tuned: Any = peft.get_peft_model(model, config, autocast_adapter_dtype=False)
    _place(model)
    assert isinstance(tuned, peft.PeftModel)
    return tuned


def load_lora(model: PreTrainedModel, folder: Path, *, trainable: bool) -> peft.PeftModel:
    """Put the matrices of a folder of peft's into a model with quantized layers.

    Raises:
        Exception: whatever peft raises on files that do not suit.
    """
    config = peft.LoraConfig.from_pretrained(str(folder), local_files_only=True)
    assert isinstance(config, peft.LoraConfig)
    _know_codes(config)
    with torch.random.fork_rng(devices=[]), _without_advice():
        tuned = peft.PeftModel.from_pretrained(
            model, str(folder), config=config, is_trainable=trainable, local_files_only=True,
            autocast_adapter_dtype=False,
        )  # fmt: skip
    _place(model)
    return tuned


def save_lora(tuned: peft.PeftModel, folder: Path, base_name: str) -> None:
    """Write the matrices as peft does; `base_name` and no folder of this machine is noted."""
    tuned.peft_config[ADAPTER].base_model_name_or_path = base_name
    # Embeddings are never trained; peft would ask the network whether they were.
    tuned.save_pretrained(str(folder), safe_serialization=True, save_embedding_layers=False)


def _know_codes(config: peft.LoraConfig) -> None:
    config._register_custom_module({CodedLinear: QuantizedLora})


def _place(model: PreTrainedModel) -> None:
    """Have all matrices where the model computes, in the type in which it does.

    peft would take the type from a layer's weight, which quantized layers do not have.
    """
    for name, parameter in model.named_parameters():
        if ".lora_" in name:
            parameter.data = parameter.data.to(model.device, model.dtype)


@contextmanager
def _without_advice() -> Iterator[None]:
    """Quiet: about layers that are peft's for the first time, and what it uses of transformers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.filterwarnings("ignore", "Unsupported layer type", UserWarning)
        yield
