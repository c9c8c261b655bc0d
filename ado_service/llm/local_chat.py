"""A model of this process as a caller: constrained, repeatable, its failures as values."""

from __future__ import annotations

import hashlib
import json
import queue
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog

from ado_service.llm.backoff import pause
from ado_service.llm.chat import ChatClosed, ChatFailure, Message, Reply, Usage
from ado_service.llm.profile import HERE, LLMProfile
from ado_service.local_llm import LocalModelError
from ado_service.local_llm import generation_error as generation
from ado_service.local_llm.chat_message import ChatMessage
from ado_service.local_llm.generation_event import Answer, FinishReason, GenerationEvent, answers
from ado_service.local_llm.generation_request import GenerationRequest
from ado_service.local_llm.hosted_models import HostedModels, UnknownModelError
from prompts.bounded import bounded
from prompts.schema import AnswerSchema

if TYPE_CHECKING:
    from ado_service.local_llm.engine import Engine

_log = structlog.get_logger(__name__)
_TEMPERATURE = 0.7
_SECONDS = 120.0
_REFUSED = (
    generation.PromptTooLong, generation.PromptRefused, generation.ConstraintRefused,
)  # fmt: skip


def local_profile(name: str) -> LLMProfile:
    """The profile of a model of this process that the settings say nothing about."""
    return LLMProfile(base_url=HERE, model=name, temperature=_TEMPERATURE, timeout=_SECONDS)


class LocalChat:
    """Calls a model of this process; one per profile and process, shared by all jobs and threads.

    Every answer is held to the schema, and to all limits of an `AnswerSchema`. Its draws follow
    from messages and `draw`, so that the same job asks and hears the same again. What a reply says
    of a failure can be shown to anyone; the log says where on this machine the fault is.
    Nothing is recorded (`RecordedChat` does that, around it).

    Args:
        profile: its name (`model`) and limits. Of the prices none is due: cost is what they say.
        models: where the model is loaded, once for all jobs.
        jitter: a number in [0, 1), see `pause`.
    """

    def __init__(
        self,
        profile: LLMProfile,
        models: HostedModels,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.profile = profile
        self._models = models
        self._jitter = jitter
        self._slots = threading.BoundedSemaphore(profile.concurrency)

    def call(self, messages: Sequence[Message], schema: Mapping[str, Any], draw: str = "") -> Reply:
        """The reply to `messages`; loading the model counts as no time of its turn.

        A full queue and a forward pass that failed, as when memory ran out, are tried again as a
        429 or 5xx of an endpoint is (`OpenAIChat.call`).

        Raises:
            ChatClosed: the process shuts down, or the model was removed in the middle.
        """
        start = time.monotonic()
        try:
            engine = self._models.engine(self.profile.model)
            request = self._request(engine, messages, schema, draw)
            reply = self._within_its_turn(engine, request)
        except generation.EngineClosed as error:
            raise ChatClosed(str(error)) from error
        except UnknownModelError as error:
            reply = Reply(failure=ChatFailure.REFUSED, detail=str(error))
        except LocalModelError as error:
            _log.error("model_not_loaded", model=self.profile.model, detail=str(error))
            reply = Reply(failure=ChatFailure.REFUSED, detail=error.public)
        except generation.GenerationError as error:
            reply = _failed(error)
        return self._accounted(reply, time.monotonic() - start)

    def _request(
        self,
        engine: Engine,
        messages: Sequence[Message],
        schema: Mapping[str, Any],
        draw: str,
    ) -> GenerationRequest:
        limited = bounded(schema) if isinstance(schema, AnswerSchema) else schema
        held = {"schema": limited, "object": {"type": "object"}, "none": None}
        return GenerationRequest(
            prompt=engine.chat.tokens([ChatMessage(one.role, one.content) for one in messages]),
            max_tokens=self.profile.max_tokens,
            temperature=self.profile.temperature,
            seed=_seed(messages, draw),
            schema=held[self.profile.json_mode],
        )

    def _within_its_turn(self, engine: Engine, request: GenerationRequest) -> Reply:
        """The reply of a turn that begins now, the wait for a slot of the profile included."""
        deadline = time.monotonic() + self.profile.turn_seconds
        if not self._slots.acquire(timeout=self.profile.turn_seconds):
            detail = f"all {self.profile.concurrency} slots of the profile stayed busy"
            return Reply(failure=ChatFailure.TIMEOUT, detail=detail)
        try:
            return self._until(deadline, engine, request)
        finally:
            self._slots.release()

    def _until(self, deadline: float, engine: Engine, request: GenerationRequest) -> Reply:
        """The last reply of as many attempts as retries and deadline allow."""
        calls = 0
        while True:
            calls += 1
            try:
                answer = self._generated(engine, request, deadline)
            except generation.EngineClosed:
                raise
            except (generation.GenerationError, TimeoutError) as error:
                reply, wait = _failed(error), self._wait(error, calls - 1)
            else:
                return _used(_reply(answer), calls, len(request.prompt))
            if wait is None or calls > self.profile.retries:
                return _used(reply, calls)
            if time.monotonic() + wait >= deadline:
                return _used(reply, calls)
            self._models.rest(wait)

    def _wait(self, error: Exception, retries: int) -> float | None:
        """Seconds before the next attempt; None after what would only happen again."""
        if isinstance(error, generation.QueueFull):
            return pause(retries, error.retry_after, self._jitter())
        if isinstance(error, generation.DecoderFailed):
            return pause(retries, 0.0, self._jitter())
        return None

    def _generated(self, engine: Engine, request: GenerationRequest, deadline: float) -> Answer:
        """One attempt.

        Raises:
            GenerationError: it failed.
            TimeoutError: it took too long.
        """
        events: queue.SimpleQueue[GenerationEvent] = queue.SimpleQueue()
        under_way = engine.submit(request, events.put)
        until = min(deadline, time.monotonic() + self.profile.timeout)
        found: list[GenerationEvent] = []
        try:
            while not found or not found[-1].final:
                found.append(events.get(timeout=max(0.0, until - time.monotonic())))
        except queue.Empty:
            raise TimeoutError(
                f"no complete reply within {self.profile.timeout:g} s; raise timeout in the "
                "profile, or use a smaller model"
            ) from None
        finally:
            under_way.cancel()
        return answers(found)[0]

    def _accounted(self, reply: Reply, seconds: float) -> Reply:
        usage = reply.usage
        cost = self.profile.cost(usage.prompt_tokens, usage.completion_tokens)
        return replace(reply, usage=replace(usage, cost=cost, seconds=seconds))


def _reply(answer: Answer) -> Reply:
    usage = Usage(completion_tokens=answer.tokens)
    if answer.reason is FinishReason.LENGTH:
        detail = (
            f"the reply was cut off after {answer.tokens} tokens; raise max_tokens in the "
            "profile, or use a model with a longer context"
        )
        return Reply(failure=ChatFailure.TRUNCATED, detail=detail, usage=usage)
    if not answer.text.strip():
        detail = "the model ended its reply before any text"
        return Reply(failure=ChatFailure.EMPTY, detail=detail, usage=usage)
    return Reply(text=answer.text.replace("\0", ""), usage=usage)


def _failed(error: generation.GenerationError | TimeoutError) -> Reply:
    """The reply of a generation that failed; its engine has logged what may not be said."""
    if isinstance(error, TimeoutError):
        return Reply(failure=ChatFailure.TIMEOUT, detail=str(error))
    if isinstance(error, generation.QueueFull):
        return Reply(failure=ChatFailure.RATE_LIMITED, detail=error.public)
    if isinstance(error, _REFUSED):
        return Reply(failure=ChatFailure.REFUSED, detail=error.public)
    return Reply(failure=ChatFailure.SERVER_ERROR, detail=error.public)


def _used(reply: Reply, calls: int, prompt_tokens: int = 0) -> Reply:
    """The reply with what it took besides the answer's tokens."""
    usage = replace(reply.usage, calls=calls, prompt_tokens=prompt_tokens)
    return replace(reply, usage=usage)


def _seed(messages: Sequence[Message], draw: str) -> int:
    """Of the draws: 63 bits of a hash of all that should make another answer."""
    said = json.dumps([draw, *([one.role, one.content] for one in messages)])
    return int.from_bytes(hashlib.sha256(said.encode()).digest()[:8]) >> 1
