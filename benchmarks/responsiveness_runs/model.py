"""A small model with random weights that a server can host and tune."""

from __future__ import annotations

from pathlib import Path

from ado_service.local_llm.pretrain.network import Shape, fresh
from ado_service.local_llm.pretrain.vocabulary import trained
from circuits.loader import library_names, load_circuit
from prompts.render import few_shot

_SHAPE = Shape(width=512, inner=1376, layers=7, heads=8, context=4096)
"""Some 25 million weights, with the vocabulary of the prompts."""
_SEED = 1


def save_small_model(folder: Path) -> int:
    """Write a LLaMA to `folder`, as its makers would publish it; how many weights it has.

    Its tokenizer has read the prompts of the library's circuits, so that they are as short as with
    a real one; what it answers is noise.
    """
    circuits = [load_circuit(name) for name in library_names()]
    prompts = (few_shot(one, one.spec_sets[0].specs, (), 1) for one in circuits)
    tokenizer = trained(message["content"] for prompt in prompts for message in prompt)
    model = fresh(tokenizer, _SHAPE, _SEED)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return sum(one.numel() for one in model.parameters())
