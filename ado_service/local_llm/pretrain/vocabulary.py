"""The tokenizer of the embedded model: words of circuits, and numbers in a few tokens each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

WORDS = 8192
"""Tokens that are no number and no mark of the conversation, single bytes included."""
BEGIN, END, PAD = "<s>", "</s>", "<pad>"
_MARKS = [PAD, BEGIN, END, "<system>", "<user>", "<assistant>"]
_NUMBER = r"[0-9]\.[0-9]{2}|[0-9]{2}\.[0-9]|[0-9]{3}|[0-9]\.[0-9]|[0-9]{2}|[0-9]"
"""Three digits with their point are one token (5.66, 56.6, 566); what follows is another."""
_SPEC = r"[A-Za-z_][A-Za-z_0-9]* [<>] "
_REST = rf"(?:(?!{_SPEC})(?:[A-Za-z_][A-Za-z_0-9]*|[^0-9\n]))+\n*|\n+"
_PIECES = rf"{_NUMBER}|{_SPEC}|{_REST}"
"""Numbers, `gain > ` before one, and what else stands on a line; digits in a name belong to it.

What tells which spec a number is of is a piece of its own, the same in a prompt and in an answer.

Merges may run over words (Liu et al., SuperBPE, COLM 2025), so that what every prompt says again
takes few tokens: prompts are long, and a small network pays for each token of them.
"""
_PATTERN = re.compile(_PIECES)
_CHAT = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<' + message['role'] + '>' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}"
)


def trained(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer (Sennrich et al., ACL 2016) for such texts.

    It has every number token, whether the texts do or not, so that each size takes as many tokens
    as any other. Any text can be told: what is no known word is bytes.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((piece for text in texts for piece in _words(text)), trainer)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=_with_numbers(tokenizer),
        bos_token=BEGIN,
        eos_token=END,
        pad_token=PAD,
        chat_template=_CHAT,
        clean_up_tokenization_spaces=False,
    )


def _words(text: str) -> Iterator[str]:
    """The pieces of a text that are no numbers: those need no merges."""
    return (piece for piece in _PATTERN.findall(text) if not piece[0].isdigit())


def numbers() -> list[str]:
    """Every number that is one token."""
    two = [f"{value:02d}" for value in range(100)]
    three = [f"{value:03d}" for value in range(1000)]
    short = [*two, *(f"{one[0]}.{one[1]}" for one in two)]
    long = (form for one in three for form in (one, f"{one[0]}.{one[1:]}", f"{one[:2]}.{one[2]}"))
    return [*short, *long]


def _with_numbers(tokenizer: Tokenizer) -> Tokenizer:
    """The same with the numbers and marks in its vocabulary.

    A piece that is in the vocabulary is taken whole, without a merge that would lead to it.
    """
    content = json.loads(tokenizer.to_str())
    model = content["model"]
    model["ignore_merges"] = True
    for number in numbers():
        model["vocab"].setdefault(number, len(model["vocab"]))
    found = Tokenizer.from_str(json.dumps(content))
    found.add_special_tokens(_MARKS)
    return found
