"""A job's conversation on record: each turn is paid for once, whatever happens to the process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ado_service.llm.budget import Budget
from ado_service.llm.chat import ChatFailure, Message, Reply, Usage
from ado_service.llm.profile import LLMProfile


class Caller(Protocol):
    """Whoever can answer messages, without a record (`OpenAIChat`, `LocalChat`)."""

    @property
    def profile(self) -> LLMProfile:
        """The profile that it calls."""
        ...

    def call(self, messages: Sequence[Message], schema: Mapping[str, Any], draw: str = "") -> Reply:
        """The reply to `messages`; failures are values.

        `draw` names the job's seed and the turn: a model whose draws can be repeated draws anew
        for another one, and the same again for the same one.

        Raises:
            ChatClosed: the process shuts down.
        """
        ...


@dataclass(frozen=True, slots=True)
class Transcript:
    """One turn on record.

    Attributes:
        turn: number of the turn in its job, from 0.
        messages: what was sent.
        reply: what came back, its usage included.
        profile, model: name of the profile, and its model.
        accepted: designs that were taken from it; None while it has not been judged.
        rejected: why others were not.
        prompt_version: version of the templates that made the messages.
    """

    turn: int
    messages: tuple[Message, ...]
    reply: Reply
    profile: str = ""
    model: str = ""
    accepted: int | None = None
    rejected: tuple[str, ...] = ()
    prompt_version: str = ""


class TranscriptLog(Protocol):
    """Where the turns of one job are kept.

    Contract: `put` has stored durably when it returns; a turn is put once. `used` is the sum over
    all turns on record, earlier runs of the job included.
    """

    def get(self, turn: int) -> Transcript | None:
        """The turn on record; None when it has not been taken."""
        ...

    def put(self, transcript: Transcript) -> None:
        """Store a turn that has just been taken."""
        ...

    def judged(self, turn: int, accepted: int, rejected: Sequence[str]) -> None:
        """Note what became of a turn; the same again after a resume changes nothing."""
        ...

    def used(self) -> Usage:
        """What all turns on record used."""
        ...


class MemoryLog:
    """Turns kept in memory, for tests and for runs without a database."""

    def __init__(self) -> None:
        self.turns: dict[int, Transcript] = {}

    def get(self, turn: int) -> Transcript | None:
        """See `TranscriptLog`."""
        return self.turns.get(turn)

    def put(self, transcript: Transcript) -> None:
        """See `TranscriptLog`."""
        self.turns[transcript.turn] = transcript

    def judged(self, turn: int, accepted: int, rejected: Sequence[str]) -> None:
        """See `TranscriptLog`."""
        self.turns[turn] = replace(self.turns[turn], accepted=accepted, rejected=tuple(rejected))

    def used(self) -> Usage:
        """See `TranscriptLog`."""
        return sum((turn.reply.usage for turn in self.turns.values()), Usage())


class RecordedChat:
    """A `Chat` that answers a turn on record from the record, and records every other.

    A resumed job gets the replies that it got before, failures included, without a request. That
    holds even where the messages now differ from the recorded ones (a new template version, a
    late result): the record shows what was really sent, and a turn is never paid for twice.

    Args:
        caller: answers what is not on record.
        log: the record of this job.
        budget: what the job may use; what is on record counts.
        profile_name: stored with each turn.
        prompt_version: stored with each turn.
        seed: of the job.
    """

    def __init__(
        self,
        caller: Caller,
        log: TranscriptLog,
        budget: Budget | None = None,
        *,
        profile_name: str = "",
        prompt_version: str = "",
        seed: int = 0,
    ) -> None:
        self._caller = caller
        self._log = log
        self._budget = Budget() if budget is None else budget
        self._profile_name = profile_name
        self._prompt_version = prompt_version
        self._seed = seed

    def complete(self, turn: int, messages: Sequence[Message], schema: Mapping[str, Any]) -> Reply:
        """The reply of this turn: from the record, or from the model and then on record."""
        known = self._log.get(turn)
        if known is not None:
            return known.reply
        exceeded = self._budget.exceeded(self._log.used())
        if exceeded is None:
            reply = self._caller.call(messages, schema, f"{self._seed}/{turn}")
        else:
            reply = Reply(failure=ChatFailure.BUDGET, detail=f"LLM budget: {exceeded}")
        self._log.put(
            Transcript(
                turn=turn,
                messages=tuple(messages),
                reply=reply,
                profile=self._profile_name,
                model=self._caller.profile.model,
                prompt_version=self._prompt_version,
            )
        )
        return reply

    def judged(self, turn: int, accepted: int, rejected: Sequence[str]) -> None:
        """Put on record what became of a turn."""
        self._log.judged(turn, accepted, rejected)
