"""The seam to a language model: messages in, a reply or a named failure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class ChatFailure(StrEnum):
    """Why a call to an LLM gave no usable reply."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    REFUSED = "refused"
    """A 4xx that a retry does not mend: wrong key, unknown model, prompt too long."""
    TRUNCATED = "truncated"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call used.

    Attributes:
        calls: HTTP requests that were sent, retries included.
        prompt_tokens, completion_tokens: as the endpoint counts them.
        cost: in the currency of the profile's prices.
        seconds: wall time, retries and waits included.
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    seconds: float = 0.0

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cost + other.cost,
            self.seconds + other.seconds,
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: text, or a failure with its detail. Never both."""

    text: str = ""
    failure: ChatFailure | None = None
    detail: str = ""
    usage: Usage = field(default_factory=Usage)


class ChatClosed(Exception):  # noqa: N818 - named for what happened
    """The process shuts down in the middle of a call: its turn is to be taken again elsewhere."""


class Chat(Protocol):
    """A conversation partner for one job.

    Contract: `complete` never raises for what the endpoint does; it returns a Reply whose
    `failure` names it. Where the process itself shuts down it raises ChatClosed and records
    nothing. `turn` numbers the calls of a job from 0: an implementation that records
    answers a turn it has on record from the record, without a request.
    """

    def complete(self, turn: int, messages: Sequence[Message], schema: Mapping[str, Any]) -> Reply:
        """The reply to `messages`, asked to be JSON that fits `schema`."""
        ...

    def judged(self, turn: int, accepted: int, rejected: Sequence[str]) -> None:
        """Take note of what became of a reply: designs accepted, and why others were not."""
        ...
