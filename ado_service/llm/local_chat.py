"""A model of this process as a caller: constrained, repeatable, its failures as values."""

from __future__ import annotations

import hashlib
import json
import queue
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ado_service.llm.chat import ChatClosed, ChatFailure, Message, Reply, Usage
from ado_service.llm.profile import HERE, LLMProfile
from ado_service.local_llm import LocalModelError
from ado_service.local_llm import generation_error as generation
from ado_service.local_llm.chat_message import ChatMessage
from ado_service.local_llm.generation_event import Answer, FinishReason, GenerationEvent, answers
from ado_service.local_llm.generation_request import GenerationRequest
from ado_service.local_llm.hosted_models import HostedModels, UnknownModelError

if TYPE_CHECKING:
    from ado_service.local_llm.engine import Engine

Narrowing = Callable[[Mapping[str, Any]], Mapping[str, Any]]

_TEMPERATURE = 0.7
_SECONDS = 120.0
_REFUSED = (
    generation.PromptTooLong, generation.PromptRefused, generation.ConstraintRefused,
)  # fmt: skip


def local_profile(name: str) -> LLMProfile:
    """The profile of a model of this process that the settings say nothing about."""
    return LLMProfile(base_url=HERE, model=name, temperature=_TEMPERATURE, timeout=_SECONDS)


@dataclass(frozen=True)
class LocalChat:
    """Calls a model of this process; nothing is recorded (`RecordedChat` does that, around it).

    Every answer is held to the schema. Its draws follow from messages and `draw`, so that the same
    job asks and hears the same again.

    Attributes:
        profile: its name (`model`) and limits. Of the prices none is due: cost is what they say.
        models: where the model is loaded, once for all jobs.
        narrow: makes a schema stricter than endpoints elsewhere could be asked to be.
    """

    profile: LLMProfile
    models: HostedModels
    narrow: Narrowing = dict

    def narrowed(self, narrow: Narrowing) -> LocalChat:
        """The same, with `narrow` for its schemas."""
        return replace(self, narrow=narrow)

    def call(self, messages: Sequence[Message], schema: Mapping[str, Any], draw: str = "") -> Reply:
        """The reply to `messages`; loading the model counts as no time of its turn.

        Raises:
            ChatClosed: the process shuts down, or the model was removed in the middle.
        """
        start = time.monotonic()
        try:
            engine = self.models.engine(self.profile.model)
            prompt = engine.chat.tokens([ChatMessage(one.role, one.content) for one in messages])
            request = self._request(prompt, messages, schema, draw)
            reply = self._reply(len(prompt), self._answer(engine, request))
        except generation.EngineClosed as error:
            raise ChatClosed(str(error)) from error
        except (UnknownModelError, LocalModelError) as error:
            reply = Reply(failure=ChatFailure.REFUSED, detail=str(error))
        except TimeoutError as error:
            reply = Reply(failure=ChatFailure.TIMEOUT, detail=str(error), usage=Usage(calls=1))
        except generation.GenerationError as error:
            reply = Reply(failure=_failure(error), detail=str(error), usage=Usage(calls=1))
        return self._accounted(reply, time.monotonic() - start)

    def _request(
        self,
        prompt: tuple[int, ...],
        messages: Sequence[Message],
        schema: Mapping[str, Any],
        draw: str,
    ) -> GenerationRequest:
        held = {"schema": self.narrow(schema), "object": {"type": "object"}, "none": None}
        return GenerationRequest(
            prompt=prompt,
            max_tokens=self.profile.max_tokens,
            temperature=self.profile.temperature,
            seed=_seed(messages, draw),
            schema=held[self.profile.json_mode],
        )

    def _answer(self, engine: Engine, request: GenerationRequest) -> Answer:
        """The answer, waiting for a place in the queue and for its end within the turn.

        Raises:
            GenerationError: it failed.
            TimeoutError: it took too long.
        """
        deadline = time.monotonic() + self.profile.turn_seconds
        while True:
            try:
                return self._generated(engine, request, deadline)
            except generation.QueueFull as full:
                if time.monotonic() + full.retry_after >= deadline:
                    raise
                time.sleep(full.retry_after)

    def _generated(self, engine: Engine, request: GenerationRequest, deadline: float) -> Answer:
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

    def _reply(self, prompt_tokens: int, answer: Answer) -> Reply:
        usage = Usage(calls=1, prompt_tokens=prompt_tokens, completion_tokens=answer.tokens)
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

    def _accounted(self, reply: Reply, seconds: float) -> Reply:
        usage = reply.usage
        cost = self.profile.cost(usage.prompt_tokens, usage.completion_tokens)
        return replace(reply, usage=replace(usage, cost=cost, seconds=seconds))


def _failure(error: generation.GenerationError) -> ChatFailure:
    if isinstance(error, generation.QueueFull):
        return ChatFailure.RATE_LIMITED
    return ChatFailure.REFUSED if isinstance(error, _REFUSED) else ChatFailure.SERVER_ERROR


def _seed(messages: Sequence[Message], draw: str) -> int:
    """Of the draws: 63 bits of a hash of all that should make another answer."""
    said = json.dumps([draw, *([one.role, one.content] for one in messages)])
    return int.from_bytes(hashlib.sha256(said.encode()).digest()[:8]) >> 1
