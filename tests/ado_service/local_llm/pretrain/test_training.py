"""Training from nothing: it learns, and the same seed gives the same weights."""

from __future__ import annotations

import itertools

import pytest
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from ado_service.local_llm.pretrain.example import examples
from ado_service.local_llm.pretrain.harvest import Harvest
from ado_service.local_llm.pretrain.lessons import Lessons, encoded
from ado_service.local_llm.pretrain.network import Shape, fresh
from ado_service.local_llm.pretrain.training import Progress, Schedule, train
from ado_service.local_llm.pretrain.vocabulary import trained

SMALL = Shape(width=32, inner=64, layers=1, heads=2)


@pytest.fixture(scope="module")
def tokenizer(found: Harvest) -> PreTrainedTokenizerFast:
    return trained(one.prompt + one.answer for seed in range(8) for one in examples(found, seed, 2))


def lessons(found: Harvest, tokenizer: PreTrainedTokenizerFast, steps: int) -> Lessons:
    return Lessons([found], tokenizer, seed=1, steps=steps, size=1, context=SMALL.context)


def learned(
    found: Harvest, tokenizer: PreTrainedTokenizerFast
) -> tuple[LlamaForCausalLM, list[float]]:
    model, told = fresh(tokenizer, SMALL, seed=2), list[Progress]()
    train(model, lessons(found, tokenizer, 8), Schedule(rate=3e-2, warm_up=1), told=told.append)
    assert [one.step for one in told] == list(range(1, 9))
    return model, [one.loss for one in told]


def test_it_learns_the_same_each_time(found: Harvest, tokenizer: PreTrainedTokenizerFast) -> None:
    one, losses = learned(found, tokenizer)
    other, again = learned(found, tokenizer)
    assert losses == again
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert sum(losses[-3:]) / 3 < 0.9 * losses[0]


def test_only_answers_are_learned(found: Harvest, tokenizer: PreTrainedTokenizerFast) -> None:
    [example] = examples(found, 7, 1)
    ids, labels = encoded(example, tokenizer)
    assert tokenizer.decode(ids).endswith(example.answer + "</s>")
    assert tokenizer.decode([label for label in labels if label >= 0]) == example.answer + "</s>"
    lesson = lessons(found, tokenizer, 3)[2]
    assert lesson.input_ids.shape == lesson.labels.shape
    padding = lesson.input_ids == tokenizer.pad_token_id
    assert (lesson.labels[padding] == -100).all()
    with pytest.raises(IndexError):
        lessons(found, tokenizer, 3)[3]


def test_neighbouring_numbers_begin_alike(tokenizer: PreTrainedTokenizerFast) -> None:
    weight = fresh(tokenizer, Shape(), seed=1).model.embed_tokens.weight.detach()

    def likeness(one: str, other: str) -> float:
        rows = weight[tokenizer.convert_tokens_to_ids([one, other])]
        return float(torch.cosine_similarity(rows[0], rows[1], dim=0))

    pairs = [("5.66", "5.67"), ("56.6", "57.0"), ("566", "560")]
    far = [("5.66", "1.02"), ("56.6", "11.0"), ("566", "122")]
    for near, distant in itertools.product(pairs, far):
        assert likeness(*near) > likeness(*distant)
