"""What a generation tells while it goes on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from ado_service.local_llm.generation_error import GenerationError


class FinishReason(StrEnum):
    """Why an answer ended."""

    STOP = "stop"
    """The model ended it, a stop text came, or the JSON was complete."""
    LENGTH = "length"
    """`max_tokens` or the context cut it off."""


@dataclass(frozen=True, slots=True)
class TextPiece:
    """More text of one answer; `index` says of which."""

    index: int
    text: str
    final: ClassVar = False


@dataclass(frozen=True, slots=True)
class AnswerEnd:
    """One answer is over.

    Attributes:
        index: which of the request's answers.
        reason: why.
        tokens: that it took, the one that ended it included.
        final: whether it was the last one of its request.
    """

    index: int
    reason: FinishReason
    tokens: int
    final: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """The whole generation is over, and nothing comes after this."""

    error: GenerationError
    final: ClassVar = True


GenerationEvent = TextPiece | AnswerEnd | Failure
"""The last one of a generation, and only that, is `final`: a `Failure` or an `AnswerEnd`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole answer."""

    text: str
    reason: FinishReason
    tokens: int


def answers(events: Iterable[GenerationEvent]) -> list[Answer]:
    """The answers of a generation that has come to its end, by index.

    Raises:
        GenerationError: it failed.
    """
    texts: dict[int, list[str]] = {}
    ends: dict[int, AnswerEnd] = {}
    for event in events:
        match event:
            case TextPiece():
                texts.setdefault(event.index, []).append(event.text)
            case AnswerEnd():
                ends[event.index] = event
            case Failure():
                raise event.error
    return [
        Answer("".join(texts.get(index, ())), end.reason, end.tokens)
        for index, end in sorted(ends.items())
    ]
