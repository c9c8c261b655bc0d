"""A decoder that answers nonsense in no time, with a tokenizer that has merges."""

from __future__ import annotations

import json
from functools import cache

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CONTEXT = 1024
"""Of the decoder, tokens."""

_TEMPLATE = (
    "{% for message in messages %}<s>{{ message.role }}\n{{ message.content }}{% endfor %}"
    "<s>assistant:"
)


@cache
def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level tokenizer with a few merges across the borders of JSON."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=340,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    designs = [{"w1": f"{n}.5u", "l1": f"{n * 90}n", "r1": f"{n}k"} for n in range(30)]
    texts = [
        json.dumps({"reasoning": f"wider, {n}", "designs": [design]}, separators=(",", ":"))
        for n, design in enumerate(designs)
    ]
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        chat_template=_TEMPLATE,
    )


def tiny_decoder(seed: int = 0) -> LlamaForCausalLM:
    """A random LLaMA whose logits are spread enough that draws depend on what was read."""
    config = LlamaConfig(
        vocab_size=352,  # more logits than the tokenizer has tokens, as models often have
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=CONTEXT,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = LlamaForCausalLM(config)
        torch.nn.init.normal_(made.lm_head.weight, std=0.3)
    return made.eval()
