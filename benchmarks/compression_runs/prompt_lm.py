"""A small language model trained on the agent's prompts and answers, to be compressed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedModel

from ado_service.local_llm.calibration import Batch
from ado_service.local_llm.disp.learning import language_loss
from benchmarks.local_llm_runs.sizing_data import drawn, simulated

_CIRCUITS = (
    ("five_transistor_ota", 1), ("two_stage_amplifier", 1), ("two_stage_amplifier", 2),
    ("folded_cascode_ota", 1),
)  # fmt: skip
"""Each with the number of its variation."""
_END = "<end>"
_HELD = 0.15
_WARM_UP, _LAST = 0.05, 0.05
_LARGEST_NORM = 1.0


@dataclass(frozen=True, slots=True)
class LmPlan:
    """What is trained, and for how long.

    Attributes:
        width: of the hidden states; `inner` of the feed-forward blocks.
        layers, heads: how many; `groups` of heads share keys and values.
        vocabulary: tokens.
        length: of a window of text, tokens. batch: windows of a step.
        designs: simulated of each circuit. texts: prompts with answers.
        steps: of AdamW. rate: its largest learning rate.
    """

    width: int
    inner: int
    layers: int
    heads: int
    groups: int
    vocabulary: int
    length: int
    batch: int
    designs: int
    texts: int
    steps: int
    rate: float


@dataclass(frozen=True, slots=True)
class Corpus:
    """Windows of tokens, `n x length`: held-out texts are others, with some sentences in common."""

    shown: Tensor
    held: Tensor
    vocabulary: int

    def batches(self, count: int, size: int, seed: int) -> Sequence[Batch]:
        """Batches of shown windows, drawn by the seed."""
        generator = torch.Generator().manual_seed(seed)
        rows = torch.randint(len(self.shown), (count, size), generator=generator)
        return [{"input_ids": self.shown[own]} for own in rows]


def corpus(plan: LmPlan, seed: int) -> Corpus:
    """Prompts with answers by hindsight, each with names, order and specs of its own."""
    harvests = [
        simulated(name, designs=plan.designs, variation=variation, brief=True)
        for name, variation in _CIRCUITS
    ]
    texts = [
        f"{one.system}\n{one.prompt}\n{one.answer}" for one in drawn(harvests, seed, plan.texts)
    ]
    held = max(1, int(_HELD * len(texts)))
    tokenizer = _tokenizer(texts[held:], plan.vocabulary)
    return Corpus(
        shown=_windows(tokenizer, texts[held:], plan.length),
        held=_windows(tokenizer, texts[:held], plan.length),
        vocabulary=tokenizer.get_vocab_size(),
    )


def trained(plan: LmPlan, text: Corpus, seed: int) -> PreTrainedModel:
    """A LLaMA with tied embeddings that predicts every token, in evaluation mode, frozen."""
    torch.manual_seed(seed)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(_config(plan, text))  # type: ignore[no-untyped-call]
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.rate, weight_decay=0.1)
    rises = max(1, int(_WARM_UP * plan.steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / rises, 1 - (1 - _LAST) * step / plan.steps)
    )
    model.train(True)
    for batch in text.batches(plan.steps, plan.batch, seed):
        # The model's own way: the head is tied and learns too, unlike in `language_loss`.
        loss = model(**batch, labels=batch["input_ids"], use_cache=False).loss
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), _LARGEST_NORM)
        optimizer.step()
        schedule.step()
    model.train(False)
    return model.requires_grad_(False)


@torch.no_grad()
def held_loss(model: PreTrainedModel, text: Corpus, size: int = 8) -> float:
    """Mean cross entropy of the held-out windows, nats a token."""
    pieces = text.held.split(size)  # type: ignore[no-untyped-call]
    sums = [float(language_loss(model, {"input_ids": one})) * len(one) for one in pieces]
    return sum(sums) / len(text.held)


def _tokenizer(texts: Sequence[str], vocabulary: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[_END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _windows(tokenizer: Tokenizer, texts: Sequence[str], length: int) -> Tensor:
    """The texts one after the other, cut into pieces; what is left over at the end is dropped."""
    ids = [token for text in texts for token in tokenizer.encode(text + _END).ids]
    if len(ids) < length:
        raise ValueError(f"{len(texts)} texts have {len(ids)} tokens, a window {length}; take more")
    return torch.tensor(ids[: len(ids) // length * length]).view(-1, length)


def _config(plan: LmPlan, text: Corpus) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=text.vocabulary,
        hidden_size=plan.width,
        intermediate_size=plan.inner,
        num_hidden_layers=plan.layers,
        num_attention_heads=plan.heads,
        num_key_value_heads=plan.groups,
        max_position_embeddings=4 * plan.length,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
    )
