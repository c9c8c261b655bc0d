"""Chat completions by the models of this server, for clients of OpenAI's API."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, Response, StreamingResponse

from ado_service.api.chat_request import ChatRequest, read_chat_request
from ado_service.api.chat_stream import Completion, EventQueue, chat_stream
from ado_service.api.openai_route import openai_router
from ado_service.api.service import Service, ServiceHere
from ado_service.local_llm.chat_message import ChatMessage
from ado_service.local_llm.generation_event import GenerationEvent, answers

if TYPE_CHECKING:
    from ado_service.local_llm.generation import Generation

routes = openai_router("/v1/chat/completions")

_STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_CLIENT_CLOSED_REQUEST = 499
"""Nobody reads it; access logs know it from nginx."""


@routes.post("")
async def create_chat_completion(request: Request, service: ServiceHere) -> Response:
    """Answer a conversation, in one piece or as Server-Sent Events.

    Where the client goes away, its generation ends within a step.
    """
    # In a thread: of a megabyte it can take a good part of a second.
    asked = await asyncio.to_thread(read_chat_request, await request.body())
    events = EventQueue()
    # Not in the pool of threads of the other routes, for this may load a model.
    generation = await asyncio.to_thread(_submit, service, asked, events)
    completion = Completion(asked.model, len(generation.request.prompt))
    if not asked.stream:
        return await _whole(request, completion, generation, events)
    return StreamingResponse(
        chat_stream(completion, events, n=asked.n, include_usage=asked.include_usage),
        media_type="text/event-stream",
        headers=_STREAM_HEADERS,
        background=BackgroundTask(generation.cancel),  # run also when the client has left
    )


def _submit(service: Service, asked: ChatRequest, events: EventQueue) -> Generation:
    engine = service.models.engine(asked.model)
    prompt = engine.chat.tokens([ChatMessage(one.role, one.text) for one in asked.messages])
    return engine.submit(asked.generation(prompt), events.put)


async def _whole(
    request: Request, completion: Completion, generation: Generation, events: EventQueue
) -> Response:
    """All answers at once."""
    try:
        found = await _unless_gone(request, events)
    finally:
        generation.cancel()
    if found is None:
        return Response(status_code=_CLIENT_CLOSED_REQUEST)
    given = answers(found)
    choices = [
        {
            "index": index,
            "message": {"role": "assistant", "content": answer.text, "refusal": None},
            "logprobs": None,
            "finish_reason": answer.reason,
        }
        for index, answer in enumerate(given)
    ]
    usage = completion.usage(sum(answer.tokens for answer in given))
    return JSONResponse(completion.document("chat.completion", choices, usage=usage))


async def _unless_gone(request: Request, events: EventQueue) -> list[GenerationEvent] | None:
    """All events; None where the client goes away before the last."""
    collecting = asyncio.create_task(_all(events))
    watching = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({collecting, watching}, return_when=asyncio.FIRST_COMPLETED)
        return collecting.result() if collecting.done() else None
    finally:
        collecting.cancel()
        watching.cancel()


async def _all(events: EventQueue) -> list[GenerationEvent]:
    return [event async for event in events]


async def _gone(request: Request) -> None:
    """Wait until the client has closed its connection; the body has been read already."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
