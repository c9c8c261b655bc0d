"""Prompts with answers: in other words, always with an answer that holds."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ado_service.local_llm.pretrain.dressing import dressed
from ado_service.local_llm.pretrain.example import Example, examples
from ado_service.local_llm.pretrain.harvest import Harvest
from ado_service.local_llm.pretrain.vocabulary import numbers, trained
from circuits.units import parse_quantity
from prompts.parse import parse_answer


@pytest.fixture(scope="module")
def some(found: Harvest) -> list[Example]:
    return [one for seed in range(12) for one in examples(found, seed, 4)]


def test_a_dressing_renames_everywhere_and_keeps_the_design(found: Harvest) -> None:
    for seed in range(30):
        dressing = dressed(found.circuit, found.design(seed), np.random.default_rng(seed))
        new, shown = set(dressing.names.values()), dressing.circuit
        assert len(new) == len(dressing.names)
        assert set(shown.variable_names) == new
        assert {name for group in shown.device_groups for name in group.variables} <= new
        netlist = shown.files["amplifier.cir"]
        assert all(f"{{{name}}}" in netlist for name in new)
        # Elements keep their letters: a renamed resistor would be no resistor.
        assert "\nrz  nz   n2  {" in netlist
        values = found.design(seed)
        assert sorted(dressing.design(values).values()) == sorted(values.values())
        assert dressing.holds(found.values)[seed]
        narrow = [one for one in shown.variables if one.high / one.low < 5]
        assert len(narrow) <= 9, "six lengths, and at most three more"


def test_answers_are_designs_of_the_prompt_that_beat_its_examples(some: list[Example]) -> None:
    assert len(some) == 48
    for one in some:
        found = json.loads(one.answer)
        asked = int(one.prompt.split('"designs" holds exactly ')[1].split()[0])
        assert len(found["designs"]) == asked
        space = one.prompt.split("# Design space\n\n")[1].split("\n\n")[0].splitlines()
        names = [line.removeprefix("- ").split(":")[0] for line in space]
        for design in found["designs"]:
            assert list(design) == names
            assert all(parse_quantity(value) > 0 for value in design.values())
        shown = one.prompt.count("## Example ")
        assert one.prompt.count("Specifications: misses") == shown, "no example meets them all"


def test_an_answer_begins_with_the_specs_in_the_order_of_the_circuit(some: list[Example]) -> None:
    for one in some:
        asked = one.prompt.split("# Performance specifications\n\n")[1].split("\n\n")[0]
        lines = [line.removeprefix("- ").split(" (")[0] for line in asked.splitlines()]
        said = json.loads(one.answer)["reasoning"].split(", ")
        order = ["gain", "cmrr", "gbw", "pm", "power"]
        assert [order.index(part.split()[0]) for part in said] == sorted(
            order.index(line.split()[0]) for line in lines
        )
        assert set(said) == set(lines)
        bare = one.bare
        assert (bare.system, bare.prompt.strip(), bare.whole) == ("", asked, False)
        assert bare.answer == f'{{"reasoning": "{", ".join(said)}", "designs": '


def test_the_agent_reads_the_answers(found: Harvest) -> None:
    plain = found.circuit
    read = [
        parse_answer(one.answer, plain) for seed in range(20) for one in examples(found, seed, 1)
    ]
    known = [one for one in read if not one.problems]
    assert len(known) >= 2, "where variables keep their names"
    assert all(one.designs and one.reasoning for one in known)


def test_examples_repeat_and_differ(found: Harvest, some: list[Example]) -> None:
    assert list(examples(found, 5, 4)) == some[20:24]
    assert len({one.prompt for one in some}) == len(some)
    shared = some[0].prompt.split("# Performance")[0]
    assert some[1].prompt.startswith(shared), "examples of one dressing begin alike"


def test_the_tokenizer_tells_any_text_and_a_number_in_few_tokens(some: list[Example]) -> None:
    tokenizer = trained(one.prompt + one.answer for one in some)
    for text in (some[0].prompt, "Größe {x} \t\n\n ∞ 0x1F", ""):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    for number in ("5.66", "56.6", "566", "0.01", "99", "1.0"):
        assert tokenizer.tokenize(number) == [number]
    assert len(tokenizer.tokenize("18.831")) == 2
    assert len(numbers()) == len(set(numbers())) == 3200
    chat = [{"role": "user", "content": "b"}, {"role": "assistant", "content": "c"}]
    text = tokenizer.apply_chat_template(chat, tokenize=False)
    assert text == "<s><user>b<assistant>c</s>"
    marks = tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"])
    assert marks[:2] == ["<s>", "<user>"]
    assert marks[-1] == "</s>"
