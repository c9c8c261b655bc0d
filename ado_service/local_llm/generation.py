"""One request under way: its answers, and the way back to whoever asked."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from ado_service.local_llm.draft import Draft
from ado_service.local_llm.generation_error import GenerationError
from ado_service.local_llm.generation_event import AnswerEnd, Failure, GenerationEvent, TextPiece
from ado_service.local_llm.generation_request import GenerationRequest
from ado_service.local_llm.sampling import Logits

_log = structlog.get_logger(__name__)

Deliver = Callable[[GenerationEvent], None]
"""Takes events, in the engine's thread: it must neither wait nor raise."""


class Generation:
    """A request that an engine works on.

    Args:
        request: what was asked.
        drafts: one for each answer.
        deliver: is given every event.
    """

    def __init__(
        self, request: GenerationRequest, drafts: Sequence[Draft], deliver: Deliver
    ) -> None:
        self.request = request
        self.drafts = tuple(drafts)
        self._deliver = deliver
        self._left = len(self.drafts)
        self._begun = self._ended = 0.0
        self.untaken = deque(range(len(self.drafts)))
        self._over = threading.Event()

    @property
    def over(self) -> bool:
        """Whether all is answered, or it failed, or was cancelled."""
        return self._over.is_set()

    def cancel(self) -> None:
        """End it within a step, from any thread; no event says so."""
        if not self.over:
            self._ended = time.monotonic()
            self._over.set()

    @property
    def seconds(self) -> float:
        """From its first step to its end."""
        return self._ended - self._begun

    def begin(self) -> None:
        """Note the time of its first step."""
        self._begun = self._begun or time.monotonic()

    def take(self, most: int) -> list[int]:
        """Up to `most` of its answers that are not begun."""
        return [self.untaken.popleft() for _ in range(min(most, len(self.untaken)))]

    def advance(self, index: int, logits: Logits) -> bool:
        """Give answer `index` its next token; whether it goes on after it.

        A failure of one answer is one of the whole generation.
        """
        draft = self.drafts[index]
        try:
            step = draft.advance(logits)
        except GenerationError as error:
            self.fail(error)
            return False
        except Exception:
            # Say, a tokenizer that cannot decode; the other requests of the batch can go on.
            _log.exception("generation_failed")
            self.fail(GenerationError("the answer could not be put together; the log says more"))
            return False
        if step.text:
            self._tell(TextPiece(index, step.text))
        if step.reason is not None:
            self._left -= 1
            self._tell(AnswerEnd(index, step.reason, draft.tokens, final=self._left == 0))
            if self._left == 0:
                self.cancel()
        return step.reason is None

    def fail(self, error: GenerationError) -> None:
        """End it by an error, unless it is over."""
        if not self.over:
            self._tell(Failure(error))
            self.cancel()

    def _tell(self, event: GenerationEvent) -> None:
        try:
            self._deliver(event)
        except Exception:
            # Whoever listens may be at fault; the other requests of the batch are not.
            _log.exception("generation_listener_failed")
            self.cancel()
