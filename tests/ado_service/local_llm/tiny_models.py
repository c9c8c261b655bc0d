"""Tiny models of every family that is served, with random weights, and a tokenizer for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

SPECIAL = ["<pad>", "<bos>", "<eos>"]
CONTEXT = 256
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ message.role }}: {{ message.content }}\n"
    "{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
)
_COMMON: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": CONTEXT,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_GATED: dict[str, Any] = {"intermediate_size": 128, "num_key_value_heads": 2}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": _GATED,
    "mistral": {**_GATED, "sliding_window": 6, "head_dim": 32},
    "qwen2": {**_GATED, "use_sliding_window": True, "sliding_window": 6, "max_window_layers": 1},
    "qwen3": {**_GATED, "head_dim": 32},
    "opt": {"ffn_dim": 128, "dropout": 0.0},
    "phi": {"intermediate_size": 128},
    "phi3": {**_GATED},
}


def make_tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte after the special ones, so that every text has an encoding."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*SPECIAL, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    pad, bos, eos = SPECIAL
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=pad,
        bos_token=bos,
        eos_token=eos,
        padding_side="left",
        model_max_length=CONTEXT,
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


def make_model(family: str, *, seed: int = 0, **changes: Any) -> PreTrainedModel:
    """A random model of a family in evaluation mode; the global random state stays as it was."""
    settings = {**_COMMON, **FAMILIES[family], "vocab_size": len(make_tokenizer()), **changes}
    config = AutoConfig.for_model(family, **settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        _spread(model)
    return model.eval()


def _spread(model: PreTrainedModel) -> None:
    """Larger weights than an initialisation's, or all logits would be much the same."""
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=1.0 if "embed" in name else 0.25)


def save_model(folder: Path, family: str, *, seed: int = 0, **changes: Any) -> Path:
    """A model folder as its makers would publish it: config, safetensors and tokenizer."""
    make_model(family, seed=seed, **changes).save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder
