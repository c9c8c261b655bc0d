"""The events of a generation, as they reach a client of OpenAI's API."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

from ado_service.api.openai_error import of_generation
from ado_service.local_llm.generation_event import AnswerEnd, Failure, GenerationEvent, TextPiece


class EventQueue:
    """Takes events from the engine's thread to the event loop that it was made in."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[GenerationEvent] = asyncio.Queue()

    def put(self, event: GenerationEvent) -> None:
        """Add an event, from any thread."""
        self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    async def __aiter__(self) -> AsyncIterator[GenerationEvent]:
        """The events, the final one included."""
        while not (event := await self._events.get()).final:
            yield event
        yield event


class Completion:
    """What all parts of one answer to a client have in common."""

    def __init__(self, model: str, prompt_tokens: int) -> None:
        self._head = {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "created": int(time.time()),
            "model": model,
        }
        self._prompt_tokens = prompt_tokens

    def document(self, kind: str, choices: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
        """An object of `kind` with these choices."""
        return {**self._head, "object": kind, "choices": choices, **fields}

    def usage(self, tokens: int) -> dict[str, int]:
        """The tokens of the prompt, and `tokens` of all answers."""
        return {
            "prompt_tokens": self._prompt_tokens,
            "completion_tokens": tokens,
            "total_tokens": self._prompt_tokens + tokens,
        }


async def chat_stream(
    completion: Completion, events: EventQueue, *, n: int, include_usage: bool
) -> AsyncIterator[bytes]:
    """A generation as Server-Sent Events: chunks, then `[DONE]`; an error ends it early."""
    # With usage asked for, every chunk has the field, as OpenAI's have.
    extra: dict[str, Any] = {"usage": None} if include_usage else {}

    def chunk(choice: dict[str, Any]) -> bytes:
        return _event(completion.document("chat.completion.chunk", [choice], **extra))

    for index in range(n):
        yield chunk(_choice(index, {"role": "assistant", "content": ""}))
    tokens = 0
    async for event in events:
        match event:
            case TextPiece():
                yield chunk(_choice(event.index, {"content": event.text}))
            case AnswerEnd():
                tokens += event.tokens
                yield chunk(_choice(event.index, {}, event.reason))
            case Failure():
                yield _event(of_generation(event.error).document)
                return
    if include_usage:
        usage = completion.usage(tokens)
        yield _event(completion.document("chat.completion.chunk", [], usage=usage))
    yield b"data: [DONE]\n\n"


def _choice(index: int, delta: dict[str, str], reason: str | None = None) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}


def _event(document: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(document)}\n\n".encode()
