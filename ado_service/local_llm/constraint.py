"""Answers held to a JSON schema, token by token, by a grammar (llguidance)."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from llguidance import LLMatcher, LLTokenizer

from ado_service.local_llm.generation_error import ConstraintBroken, ConstraintRefused
from ado_service.local_llm.sampling import Logits

if TYPE_CHECKING:
    from llguidance._lib import JsonCompileOptions
    from tokenizers import Tokenizer

ANY_OBJECT: Mapping[str, Any] = {"type": "object"}
"""The schema of any JSON object."""
_SPACING: JsonCompileOptions = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
}
"""As most JSON is written that models have seen, the embedded one's answers among it."""


class Constraint:
    """What may come next in one answer."""

    def __init__(self, matcher: LLMatcher) -> None:
        self._matcher = matcher

    def masked(self, logits: Logits) -> Logits:
        """`logits` (shape `V`) with minus infinity for every token that must not come.

        Raises:
            ConstraintBroken: no token may.
        """
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        self._check()
        # The mask is as long as the tokenizer's vocabulary, which may be shorter or longer.
        known = np.unpackbits(bits, bitorder="little")[: len(logits)]
        allowed = np.zeros(len(logits), dtype=bool)
        allowed[: len(known)] = known
        if not np.isfinite(logits[allowed]).any():
            raise ConstraintBroken("the schema allows no token that the model could give here")
        return np.where(allowed, logits, -np.inf)

    def accept(self, token: int) -> None:
        """Go one token on.

        Raises:
            ConstraintBroken: the grammar met one of its limits.
        """
        self._matcher.consume_token(token)
        self._check()

    @property
    def complete(self) -> bool:
        """Whether the answer is whole, and nothing may follow."""
        return self._matcher.is_stopped()

    def fresh(self) -> Self:
        """The same constraint for another answer, where nothing has been accepted yet."""
        return type(self)(self._matcher.deep_copy())

    def _check(self) -> None:
        if self._matcher.is_error():
            problem = _one_line(self._matcher.get_error())
            raise ConstraintBroken(f"the JSON schema cannot be kept to: {problem}")


class ConstraintCompiler:
    """Makes constraints of JSON schemas for one tokenizer. Threads may share it.

    Args:
        tokenizer: of the model.
        end_tokens: tokens that end an answer, at least one.
    """

    def __init__(self, tokenizer: Tokenizer, end_tokens: Collection[int]) -> None:
        self._tokenizer = tokenizer
        self._end_tokens = sorted(end_tokens)
        self._lock = threading.Lock()
        self._known: LLTokenizer | None = None

    def compile(self, schema: Mapping[str, Any]) -> Constraint:
        """The constraint of a schema; one space after commas and colons, no other white space.

        Free white space would let a model that is at a loss write nothing else.

        Raises:
            ConstraintRefused: no grammar can be made of it; the message says why.
        """
        if not self._end_tokens:
            raise ConstraintRefused(
                "JSON needs an end, and this model names no end token: set eos_token in its "
                "tokenizer_config.json"
            )
        try:
            grammar = LLMatcher.grammar_from_json_schema(json.dumps(schema), overrides=_SPACING)
        except ValueError as error:  # nested too deeply, or text that is not UTF-8
            raise _refused(str(error)) from error
        matcher = LLMatcher(self._tokens(), grammar, log_level=0)
        if matcher.is_error():
            raise _refused(matcher.get_error())
        return Constraint(matcher)

    def _tokens(self) -> LLTokenizer:
        """The tokenizer as grammars need it: made when first asked for, as it can take a second."""
        with self._lock:
            if self._known is None:
                self._known = LLTokenizer(self._tokenizer.to_str(), eos_token=self._end_tokens)
            return self._known


def _refused(problem: str) -> ConstraintRefused:
    return ConstraintRefused(
        f"the JSON schema cannot be enforced: {_one_line(problem)}; see "
        "https://github.com/guidance-ai/llguidance for the keywords that can"
    )


def _one_line(problem: str) -> str:
    """The beginning of a message; the state of the parser may follow it."""
    said, _, _state = problem.partition("<state>")
    return " ".join(said.split())[:300]
