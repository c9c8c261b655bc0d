"""The finished model as a folder in Hugging Face's format."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import GenerationConfig, LlamaForCausalLM, PreTrainedTokenizerFast


def write(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Weights in half precision, configuration and tokenizer; what else is there stays.

    Half precision keeps 11 bits of each weight, which are all of them between 0.03 and 1: no
    logit moves by more than what sampling at any temperature hides.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.nn.Module.to(model, torch.float16)
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
