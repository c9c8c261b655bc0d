"""A conversation answered from another job's record: the same run again, without a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ado_service.llm.chat import ChatFailure, Message, Reply, Usage
from ado_service.llm.recorded import Transcript, TranscriptLog


class ReplayedChat:
    """A `Chat` that says what was said in an earlier job, turn by turn, failures included.

    With the circuit, seed and settings of that job it reproduces the job bit for bit, at no cost.

    Args:
        said: the turn of the earlier job by its number; None where it had none.
        log: the record of this job; it gets each turn too, with nothing used.
    """

    def __init__(self, said: Callable[[int], Transcript | None], log: TranscriptLog) -> None:
        self._said = said
        self._log = log

    def complete(self, turn: int, messages: Sequence[Message], schema: Mapping[str, Any]) -> Reply:
        """The reply of this turn in the earlier job; a failure where it had no such turn."""
        del schema  # the reply was asked for under the earlier one
        known = self._log.get(turn)
        if known is not None:
            return known.reply
        said = self._said(turn)
        if said is None:
            detail = f"the replayed job has no turn {turn}"
            said = Transcript(turn, (), Reply(failure=ChatFailure.REFUSED, detail=detail))
        reply = replace(said.reply, usage=Usage())
        self._log.put(
            replace(said, messages=tuple(messages), reply=reply, accepted=None, rejected=())
        )
        return reply

    def judged(self, turn: int, accepted: int, rejected: Sequence[str]) -> None:
        """Put on record what became of a turn."""
        self._log.judged(turn, accepted, rejected)
