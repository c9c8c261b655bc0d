"""An OpenAI-compatible endpoint as a caller: retries, deadlines, limits, failures as values."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from ado_service.llm.backoff import pause
from ado_service.llm.chat import ChatFailure, Message, Reply, Usage
from ado_service.llm.completion import read_completion
from ado_service.llm.dialect import Dialect
from ado_service.llm.profile import LLMProfile, MissingKeyError
from ado_service.llm.request import MAX_REPLY_BYTES, Answer, Request
from ado_service.llm.secret import hide

_log = structlog.get_logger(__name__)
_REFUSED_FORMAT = frozenset({400, 422})
_RETRIED = frozenset({ChatFailure.UNREACHABLE, ChatFailure.RATE_LIMITED, ChatFailure.SERVER_ERROR})


class OpenAIChat:
    """Calls a model; one per profile and process, shared by all jobs and threads.

    It keeps count of the requests in flight and remembers what the endpoint does not understand,
    which is why it is shared. Nothing is recorded: `RecordedChat` does that, around it.

    Args:
        profile: where the model is and how it is called.
        max_bytes: longest response that is read.
        sleep, clock, jitter: seams for tests: waiting, seconds, a number in [0, 1).
    """

    def __init__(
        self,
        profile: LLMProfile,
        *,
        max_bytes: int = MAX_REPLY_BYTES,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.profile = profile
        self._max_bytes = max_bytes
        self._sleep = sleep
        self._clock = clock
        self._jitter = jitter
        self._slots = threading.BoundedSemaphore(profile.concurrency)
        self._dialect = Dialect(json_mode=profile.json_mode)

    def call(
        self,
        messages: Sequence[Message],
        schema: Mapping[str, Any],
        draw: str = "",  # noqa: ARG002 - few endpoints can repeat a draw, and none promises it
    ) -> Reply:
        """The reply to `messages`. Does not raise.

        429, 5xx and lost connections are tried again, with exponential waits (or as long as
        Retry-After asks) while the turn's deadline allows; a request that timed out is not.
        """
        start = self._clock()
        try:
            key = self.profile.key()
        except MissingKeyError as error:
            return Reply(failure=ChatFailure.REFUSED, detail=str(error))
        deadline = start + self.profile.turn_seconds
        if not self._slots.acquire(timeout=self.profile.turn_seconds):
            detail = f"all {self.profile.concurrency} slots of the profile stayed busy"
            reply = Reply(failure=ChatFailure.TIMEOUT, detail=detail)
        else:
            try:
                reply = self._call_until(deadline, messages, schema, key)
            except Exception as error:
                # The last resort: whatever the client has not named is no end of a job.
                detail = hide(f"{type(error).__name__}: {error}", key)[:300]
                _log.warning("llm_call_failed", model=self.profile.model, detail=detail)
                reply = Reply(failure=ChatFailure.UNREACHABLE, detail=detail)
            finally:
                self._slots.release()
            # Once more on the decoded text: JSON can spell a key in other bytes.
            reply = replace(reply, text=hide(reply.text, key), detail=hide(reply.detail, key))
        return self._accounted(reply, self._clock() - start)

    def _call_until(
        self,
        deadline: float,
        messages: Sequence[Message],
        schema: Mapping[str, Any],
        key: str | None,
    ) -> Reply:
        """The last reply of as many attempts as retries and deadline allow."""
        calls, retries = 0, 0
        dialect = self._dialect
        while (left := deadline - self._clock()) > 0:
            fields = dialect.fields(self.profile, schema)
            request = Request(self.profile, messages, fields, key)
            answer = request.send(min(left, self.profile.timeout), self._max_bytes)
            calls += 1
            if answer.status == 200:
                self._dialect = dialect  # understood, so that nothing is refused again
            weaker = _weaker(dialect, answer)
            if weaker is not None:
                dialect = weaker
                continue
            reply = _reply(answer)
            reply = replace(reply, usage=reply.usage + Usage(calls=calls))
            wait = self._wait(retries, answer.retry_after)
            if reply.failure not in _RETRIED or retries >= self.profile.retries:
                return reply
            if self._clock() + wait >= deadline:
                return reply
            self._sleep(wait)
            retries += 1
        detail = f"no reply within the {self.profile.turn_seconds:g} s of a turn"
        return Reply(failure=ChatFailure.TIMEOUT, detail=detail, usage=Usage(calls=calls))

    def _wait(self, retries: int, retry_after: str) -> float:
        """Seconds before the next attempt, as long as a Retry-After asks for."""
        try:
            asked = float(retry_after)
        except ValueError:
            asked = 0.0  # absent, or a date, which needs a clock that both ends agree on
        return pause(retries, asked, self._jitter())

    def _accounted(self, reply: Reply, seconds: float) -> Reply:
        usage = reply.usage
        cost = self.profile.cost(usage.prompt_tokens, usage.completion_tokens)
        return replace(reply, usage=replace(usage, cost=cost, seconds=seconds))


def _weaker(dialect: Dialect, answer: Answer) -> Dialect | None:
    """What to try when the answer refuses the request as it was put; None for nothing."""
    return dialect.after_refusal(answer.detail) if answer.status in _REFUSED_FORMAT else None


def _reply(answer: Answer) -> Reply:
    """What a response means."""
    if answer.problem:
        return Reply(failure=ChatFailure(answer.problem), detail=answer.detail)
    if answer.status == 200:
        return read_completion(answer.body)
    detail = f"HTTP {answer.status}: {answer.detail}"
    if answer.status == 429:
        return Reply(failure=ChatFailure.RATE_LIMITED, detail=detail)
    if answer.status >= 500 or answer.status == 408:
        return Reply(failure=ChatFailure.SERVER_ERROR, detail=detail)
    return Reply(failure=ChatFailure.REFUSED, detail=detail)
