"""Generation in a thread of its own: requests wait in a bounded queue and are answered together."""

from __future__ import annotations

import queue
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import torch

from ado_service.local_llm.chat_format import ChatFormat
from ado_service.local_llm.constraint import ConstraintCompiler
from ado_service.local_llm.decode_loop import DecodeLoop
from ado_service.local_llm.draft import Draft, Vocabulary
from ado_service.local_llm.generation import Deliver, Generation
from ado_service.local_llm.generation_error import PromptTooLong
from ado_service.local_llm.generation_event import GenerationEvent
from ado_service.local_llm.generation_request import GenerationRequest
from ado_service.local_llm.sampling import Sampler
from ado_service.local_llm.stop_text import StopText

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Engine:
    """One model that answers requests, several at a time.

    A request joins the batch as soon as there is a free row, in the order of arrival, and each of
    its answers leaves when it ends. An error of one request ends that request alone. All methods
    may be called from any thread.

    The same request with the same seed gives the same text whatever else runs, up to the rounding
    of the forward pass: in float32 that changes nothing that anyone would see, but the kernels of
    narrower types round differently with the number of rows. Where their texts must repeat
    exactly, let `max_batch` be 1.

    Args:
        decoder: a causal language model with the forward pass of Hugging Face's.
        tokenizer: of the model, a fast one.
        context: longest prompt plus answer, tokens.
        max_batch: answers that are generated together.
        max_waiting: requests that may wait for a row.
        threads: of the CPU that the decoder uses.
        end_tokens: tokens that end an answer; None for those that model and tokenizer name.
    """

    def __init__(
        self,
        decoder: torch.nn.Module,
        tokenizer: PreTrainedTokenizerBase,
        *,
        context: int,
        max_batch: int,
        max_waiting: int,
        threads: int = 1,
        end_tokens: Collection[int] | None = None,
    ) -> None:
        if min(context, max_batch, max_waiting, threads) < 1:
            raise ValueError("context, max_batch, max_waiting and threads must be 1 or more")
        self.context = context
        self.chat = ChatFormat(tokenizer)
        ends = _end_tokens(decoder, tokenizer) if end_tokens is None else frozenset(end_tokens)
        self._vocabulary = Vocabulary.of(self.chat.plain, ends)
        self._constraints = ConstraintCompiler(self._vocabulary.tokenizer, ends)
        self._loop = DecodeLoop(
            decoder.eval(), max_batch=max_batch, max_waiting=max_waiting, threads=threads
        )

    def submit(self, request: GenerationRequest, deliver: Deliver) -> Generation:
        """Queue a request; its events go to `deliver`, in the engine's thread.

        The grammar of a schema is made here, in the caller's thread.

        Raises:
            PromptTooLong: there is no room for an answer.
            ConstraintRefused: no grammar can be made of its schema.
            QueueFull: too many requests wait.
            EngineClosed: there is no more generation.
        """
        if len(request.prompt) >= self.context:
            raise PromptTooLong(len(request.prompt), self.context)
        self._loop.check_room()
        generation = Generation(request, self._drafts(request), deliver)
        self._loop.add(generation)
        return generation

    def generate(self, request: GenerationRequest) -> Iterator[GenerationEvent]:
        """Queue a request and wait for its events, the final one included.

        Raises:
            GenerationError: as `submit` does; a later failure is an event.
        """
        events: queue.SimpleQueue[GenerationEvent] = queue.SimpleQueue()
        return _until_final(events, self.submit(request, events.put))

    def swap(self, decoder: torch.nn.Module) -> None:
        """Go on with another decoder of the same tokens, once the running batch has ended.

        Requests that wait are answered by the new one. Returns when it has taken over.

        Raises:
            EngineClosed: there is no more generation.
        """
        self._loop.swap(decoder.eval())

    def stop(self) -> None:
        """Begin to close: what runs or waits fails within a step. Does not wait."""
        self._loop.stop()

    def close(self) -> None:
        """Fail what runs or waits, and end the thread."""
        self._loop.close()

    def _drafts(self, request: GenerationRequest) -> list[Draft]:
        room = self.context - len(request.prompt)
        room = room if request.max_tokens is None else min(room, request.max_tokens)
        schema = request.schema
        constraint = None if schema is None else self._constraints.compile(schema)
        return [
            Draft(
                self._vocabulary,
                Sampler(request.temperature, request.top_p, request.seed, index),
                constraint.fresh() if constraint else None,
                StopText(request.stop),
                room,
            )
            for index in range(request.n)
        ]


def _until_final(
    events: queue.SimpleQueue[GenerationEvent], generation: Generation
) -> Iterator[GenerationEvent]:
    try:
        while not (event := events.get()).final:
            yield event
        yield event
    finally:
        generation.cancel()  # of one that nobody listens to any more


def _end_tokens(decoder: torch.nn.Module, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Those that the tokenizer and the model's settings for generation name."""
    named = getattr(getattr(decoder, "generation_config", None), "eos_token_id", None)
    ends = set(named if isinstance(named, list) else [named])
    return frozenset(end for end in {*ends, tokenizer.eos_token_id} if end is not None)
