"""Training from nothing: it learns, and the same seed gives the same weights."""

from __future__ import annotations

import itertools
import json

import pytest
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from ado_service.local_llm.pretrain.example import examples
from ado_service.local_llm.pretrain.harvest import Harvest
from ado_service.local_llm.pretrain.lessons import Lessons, encoded
from ado_service.local_llm.pretrain.near_numbers import NearNumbers
from ado_service.local_llm.pretrain.network import Shape, fresh
from ado_service.local_llm.pretrain.training import Progress, Schedule, lesson_loss, train
from ado_service.local_llm.pretrain.vocabulary import trained

SMALL = Shape(width=32, inner=64, layers=1, heads=2)


@pytest.fixture(scope="module")
def tokenizer(found: Harvest) -> PreTrainedTokenizerFast:
    return trained(one.prompt + one.answer for seed in range(8) for one in examples(found, seed, 2))


def lessons(found: Harvest, tokenizer: PreTrainedTokenizerFast, steps: int) -> Lessons:
    return Lessons([found], tokenizer, seed=1, steps=steps, size=3, context=SMALL.context)


def learned(
    found: Harvest, tokenizer: PreTrainedTokenizerFast
) -> tuple[LlamaForCausalLM, list[float]]:
    model, told = fresh(tokenizer, SMALL, seed=2), list[Progress]()
    train(
        model,
        tokenizer,
        lessons(found, tokenizer, 16),
        Schedule(rate=3e-2, warm_up=1),
        told=told.append,
    )
    assert [one.step for one in told] == list(range(1, 17))
    return model, [one.loss for one in told]


def test_it_learns_the_same_each_time(found: Harvest, tokenizer: PreTrainedTokenizerFast) -> None:
    one, losses = learned(found, tokenizer)
    other, again = learned(found, tokenizer)
    assert losses == again
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert sum(losses[-3:]) / 3 < 0.9 * losses[0]


def test_first_lessons_show_the_specs_alone(
    found: Harvest, tokenizer: PreTrainedTokenizerFast
) -> None:
    sizes = {"seed": 1, "steps": 3, "size": 3, "context": SMALL.context, "bare": 2}
    told = [
        tokenizer.decode([*lesson.shared.tolist(), *lesson.rest[0].tolist()])
        for lesson in map(Lessons([found], tokenizer, **sizes).__getitem__, range(3))
    ]
    assert ["# Task" in one for one in told] == [False, False, True]
    assert all("<user>- " in one and '<assistant>{"reasoning": "' in one for one in told[:2])
    assert all('"w1"' not in one and "</s>" not in one for one in told[:2])


def test_only_answers_are_learned(found: Harvest, tokenizer: PreTrainedTokenizerFast) -> None:
    [example] = examples(found, 7, 1)
    ids, labels = encoded(example, tokenizer)
    assert tokenizer.decode(ids).endswith(example.answer + "</s>")
    assert tokenizer.decode([label for label in labels if label >= 0]) == example.answer + "</s>"
    with pytest.raises(IndexError):
        lessons(found, tokenizer, 3)[3]


def test_a_lesson_holds_its_examples_whole(
    found: Harvest, tokenizer: PreTrainedTokenizerFast
) -> None:
    for step in range(4):
        lesson = lessons(found, tokenizer, 4)[step]
        assert lesson.rest.shape == lesson.labels.shape
        assert lesson.rest.shape[0] == 3
        assert len(lesson.shared) > 50, "they are on one circuit in the same words"
        assert (lesson.labels[lesson.rest == tokenizer.pad_token_id] == -100).all()
        for rest, labels in zip(lesson.rest, lesson.labels, strict=True):
            prompt = tokenizer.decode([*lesson.shared, *rest[labels < 0]])
            assert prompt.startswith("<s><system>You are an expert")
            assert json.loads(tokenizer.decode(labels[labels >= 0]).removesuffix("</s>"))
            assert labels[0] == -100, "the token before an answer belongs to the rest"


def test_what_prompts_share_is_read_once_and_changes_nothing(
    found: Harvest, tokenizer: PreTrainedTokenizerFast
) -> None:
    model, spread = fresh(tokenizer, SMALL, seed=2), NearNumbers(tokenizer)
    lesson = lessons(found, tokenizer, 1)[0]
    begin = lesson.shared.expand(len(lesson.rest), -1)
    hidden = model.model(input_ids=torch.cat([begin, lesson.rest], dim=1)).last_hidden_state
    wanted = lesson.labels[:, 1:] >= 0
    logits = model.lm_head(hidden[:, begin.shape[1] : -1][wanted])
    after = lesson.labels[:, 1:]
    expected = spread(logits, after[wanted], spread.weights(after)[wanted])
    assert torch.isclose(lesson_loss(model, lesson, spread, "cpu"), expected, rtol=1e-5)


def test_a_near_miss_costs_less_than_a_far_one(tokenizer: PreTrainedTokenizerFast) -> None:
    spread = NearNumbers(tokenizer)

    def cost(wanted: str, said: str) -> float:
        said_id, wanted_id = tokenizer.convert_tokens_to_ids([said, wanted])
        logits = torch.zeros(1, len(tokenizer))
        logits[0, said_id] = 12.0
        return float(spread(logits, torch.tensor([wanted_id]), torch.ones(1)))

    assert cost("5.66", "5.66") < cost("5.66", "5.75") < cost("5.66", "6.31")
    assert cost("99.7", "101") < cost("99.7", "91.2"), "over the point too"
    assert cost("12", "12") < 1, "what may be counted is exact"
    assert cost("12", "12.1") == pytest.approx(cost("12", "13"), rel=1e-4)


def test_what_is_chosen_counts_more_than_what_the_form_asks_for(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    ids = tokenizer('{"w1": "5.66u", "l1": "120n"}', add_special_tokens=False)["input_ids"]
    labels = torch.tensor([[-100, *ids]])
    weights = NearNumbers(tokenizer).weights(labels)[0, 1:].tolist()
    told = dict(zip(tokenizer.convert_ids_to_tokens(ids), weights, strict=True))
    assert told["5.66"] == told["120"] == 1
    after = [weights[place + 1] for place, one in enumerate(ids) if weights[place] == 1]
    assert after[0] == 1, "the SI prefix"
    assert weights[0] == pytest.approx(0.1)


def test_neighbouring_numbers_begin_alike(tokenizer: PreTrainedTokenizerFast) -> None:
    weight = fresh(tokenizer, Shape(), seed=1).model.embed_tokens.weight.detach()

    def likeness(one: str, other: str) -> float:
        rows = weight[tokenizer.convert_tokens_to_ids([one, other])]
        return float(torch.cosine_similarity(rows[0], rows[1], dim=0))

    pairs = [("5.66", "5.67"), ("56.6", "57.0"), ("566", "560")]
    far = [("5.66", "1.02"), ("56.6", "11.0"), ("566", "122")]
    for near, distant in itertools.product(pairs, far):
        assert likeness(*near) > likeness(*distant)
