"""One bounded HTTP request to a chat-completions endpoint: limited in time and in size."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
import openai

from ado_service.llm.chat import Message
from ado_service.llm.profile import LLMProfile
from ado_service.llm.secret import hide_in_bytes

MAX_REPLY_BYTES = 4 * 2**20
"""Longest response body that is read."""
_MAX_ERROR_BYTES = 64 * 2**10


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request gave: a status and a body, or none of them and the reason.

    Attributes:
        status: HTTP status; 0 when there was no complete response.
        body: the body of a success.
        retry_after: the Retry-After header, empty when there is none.
        problem: `timeout`, `unreachable` or `too_large` where there was no complete response.
        detail: what went wrong, for people; of an error status the beginning of its body.
    """

    status: int = 0
    body: bytes = b""
    retry_after: str = ""
    problem: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Request:
    """A request that can be sent; the key stays out of its repr."""

    profile: LLMProfile
    messages: Sequence[Message]
    fields: dict[str, Any]
    key: str | None = field(repr=False)

    def send(self, seconds: float, max_bytes: int = MAX_REPLY_BYTES) -> Answer:
        """The answer, at most `seconds` from now and `max_bytes` long. Does not raise.

        Timeouts of a socket count from byte to byte, so that a server that drips would hold the
        caller for ever. Cancelling a task ends connect, headers and body alike, at any byte:
        that is why a private event loop runs here (so: call it from a thread without one). Only
        the look-up of a host name cannot be cancelled; the resolver's own limit ends it.
        """
        try:
            return asyncio.run(asyncio.wait_for(self._exchange(max_bytes), seconds))
        except (TimeoutError, openai.APITimeoutError, httpx2.TimeoutException):
            return Answer(problem="timeout", detail=f"no complete reply within {seconds:.3g} s")
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError) as error:
            return Answer(problem="unreachable", detail=_reason(error))

    async def _exchange(self, max_bytes: int) -> Answer:
        messages: Any = [{"role": one.role, "content": one.content} for one in self.messages]
        async with self._client() as client:
            try:
                create = client.chat.completions.with_streaming_response.create
                async with create(
                    model=self.profile.model,
                    messages=messages,
                    extra_headers=self._headers(),
                    **self.fields,
                ) as response:
                    answer = await _read(response, max_bytes)
                    return replace(answer, body=hide_in_bytes(answer.body, self.key))
            except openai.APIStatusError as error:
                return Answer(
                    status=error.status_code,
                    retry_after=error.response.headers.get("retry-after", ""),
                    detail=_said(hide_in_bytes(error.response.content, self.key)),
                )

    def _headers(self) -> dict[str, Any]:
        """Headers that differ from the client's own.

        The OPENAI_... variables of this machine are not meant for every endpoint.
        """
        headers: dict[str, Any] = {
            "Accept-Encoding": "identity",
            "OpenAI-Organization": openai.omit,
            "OpenAI-Project": openai.omit,
        }
        return headers if self.key else headers | {"Authorization": openai.omit}

    def _client(self) -> openai.AsyncOpenAI:
        # A redirect would carry the prompt to where nobody configured it.
        return openai.AsyncOpenAI(
            api_key=self.key or "none",
            base_url=self.profile.base_url,
            max_retries=0,
            timeout=self.profile.timeout,
            http_client=openai.DefaultAsyncHttpxClient(
                follow_redirects=False, event_hooks={"response": [_shorten_errors]}
            ),
        )


async def _read(response: Any, max_bytes: int) -> Answer:
    body = bytearray()
    async for chunk in response.iter_bytes():
        body += chunk
        if len(body) > max_bytes:
            return Answer(problem="too_large", detail=f"the reply is longer than {max_bytes} bytes")
    return Answer(status=response.status_code, body=bytes(body))


async def _shorten_errors(response: httpx2.Response) -> None:
    """Let the client read no more than the beginning of an error, which it reads whole."""
    if response.status_code >= 300 and isinstance(response.stream, httpx2.AsyncByteStream):
        # A few compressed bytes can be gigabytes; the status counts, the text is a courtesy.
        response.headers.pop("content-encoding", None)
        response.stream = _Beginning(response.stream, _MAX_ERROR_BYTES)


class _Beginning(httpx2.AsyncByteStream):
    """The first bytes of a stream."""

    def __init__(self, stream: httpx2.AsyncByteStream, count: int) -> None:
        self._stream = stream
        self._count = count

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._count
        async for chunk in self._stream:
            yield chunk[:left]
            left -= len(chunk)
            if left <= 0:
                return

    async def aclose(self) -> None:
        await self._stream.aclose()


def _reason(error: BaseException) -> str:
    """What is behind the client's own wording: the deepest cause that says something."""
    said = str(error) or type(error).__name__
    while (cause := error.__cause__) is not None:
        error = cause
        said = str(error) or said
    return said[:300]


def _said(body: bytes) -> str:
    """The beginning of an error body as one line of text."""
    return " ".join(body[:2000].decode("utf-8", "replace").split())[:300]
