"""A scripted LLM: a real HTTP server, OpenAI-compatible, that answers as a test tells it to.

    with ScriptedLLM([server_error, good]) as llm:      # the script repeats when it is through
        profile = LLMProfile(base_url=llm.base_url, model="scripted")

A script is a list of steps, or a function (request number, body) -> step. A step is a function of
an `Exchange`. `good` makes designs out of the JSON schema in the request; `choose` decides its
values: a function (variable name, low, high, request number, index of the design) -> value in SI
units, by default random but always the same for the same arguments.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import socket
import struct
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from circuits.units import format_quantity, parse_quantity

Choose = Callable[[str, float, float, int, int], float]
Step = Callable[["Exchange"], None]
Script = Sequence[Step] | Callable[[int, dict[str, Any]], Step]

_VALUE = re.compile(r"(\S+) to ([^\s,;]+)(?:, unit ([^\s;]+))?(?:;|$)")
_COUNT = re.compile(r"Exactly (\d+)")


def anywhere(name: str, low: float, high: float, number: int, index: int) -> float:
    """A value in range, log-uniform where the range is positive; the same each time."""
    position = random.Random(f"{name} {number} {index}").random()
    if low > 0:
        return float(f"{low * (high / low) ** position:.5g}")
    return float(f"{low + (high - low) * position:.5g}")


@dataclass
class Seen:
    """A request as it came in."""

    number: int
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def prompt(self) -> str:
        """The last message."""
        return str(self.body["messages"][-1]["content"])


class ScriptedLLM:
    """The server; a context manager that listens on 127.0.0.1 while it is open."""

    def __init__(self, script: Script | None = None, *, choose: Choose = anywhere) -> None:
        self.script: Script = [good] if script is None else script
        self.choose = choose
        self.requests: list[Seen] = []
        self.last_designs: list[dict[str, str]] = []
        self.last_schema: dict[str, Any] = {}
        self.errors: list[BaseException] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if self.errors and kind is None:
            raise self.errors[0]  # a mistake in the script, not in what is tested

    def take(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> tuple[Seen, Step]:
        with self._lock:
            seen = Seen(len(self.requests), path, headers, body)
            self.requests.append(seen)
            asked = body.get("response_format", {}).get("json_schema", {})
            self.last_schema = asked.get("schema", self.last_schema)
        if callable(self.script):
            return seen, self.script(seen.number, body)
        return seen, self.script[seen.number % len(self.script)]


@dataclass
class Exchange:
    """One request and the means to answer it."""

    llm: ScriptedLLM
    seen: Seen
    handler: BaseHTTPRequestHandler
    sent: bool = field(default=False)

    def designs(self) -> list[dict[str, str]]:
        """Designs as the schema (the last one seen, if this request has none) asks for them."""
        listed = self.llm.last_schema["properties"]["designs"]
        count = int(_first(_COUNT, listed["description"])[0])
        variables = listed["items"]["properties"]
        return [
            {
                name: self._value(name, about["description"], index)
                for name, about in variables.items()
            }
            for index in range(count)
        ]

    def _value(self, name: str, description: str, index: int) -> str:
        low, high, unit = _first(_VALUE, description)
        ends = [parse_quantity(text, unit or "") for text in (low, high)]
        return format_quantity(self.llm.choose(name, ends[0], ends[1], self.seen.number, index))

    def answer(self, designs: Sequence[Mapping[str, object]], *, prose: bool = False) -> None:
        """A good completion with these designs."""
        self.llm.last_designs = [{k: str(v) for k, v in one.items()} for one in designs]
        text = json.dumps({"reasoning": "The pair sets gm.", "designs": list(designs)})
        if prose:
            text = f"Here you are:\n\n```json\n{text}\n```\nGood luck with {{w1}}!"
        self.complete(text)

    def complete(self, text: str | None, finish: str = "stop", **more: object) -> None:
        """A completion with this text."""
        body = {
            "id": f"scripted-{self.seen.number}",
            "object": "chat.completion",
            "created": 0,
            "model": self.seen.body.get("model", ""),
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": finish,
                }
            ],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200},
        }
        self.send(200, json.dumps(body | more).encode())

    def refuse(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        """An error as OpenAI words it."""
        body = {"error": {"message": message, "type": "scripted", "code": None, "param": None}}
        self.send(status, json.dumps(body).encode(), headers=headers)

    def send(
        self,
        status: int,
        body: bytes,
        kind: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Any response."""
        self.start(status, kind, {"Content-Length": str(len(body)), **(headers or {})})
        self.handler.wfile.write(body)

    def start(self, status: int, kind: str, headers: Mapping[str, str]) -> None:
        """Status and headers of a response whose body follows."""
        self.handler.send_response(status)
        self.handler.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.handler.send_header(name, value)
        self.handler.send_header("Connection", "close")
        self.handler.end_headers()


def good(exchange: Exchange) -> None:
    """Designs in range, in the form that was asked for."""
    exchange.answer(exchange.designs())


def prose(exchange: Exchange) -> None:
    """Good designs in a fenced block, with words around it."""
    exchange.answer(exchange.designs(), prose=True)


def duplicate(exchange: Exchange) -> None:
    """The designs of the last answer again, whatever was asked for."""
    exchange.answer(exchange.llm.last_designs or exchange.designs())


def out_of_range(exchange: Exchange) -> None:
    """Every value without its SI prefix: a width of 12.5 metres."""
    exchange.answer([dict.fromkeys(design, "12.5e9") for design in exchange.designs()])


def bad_json(exchange: Exchange) -> None:
    """A completion whose text is no JSON."""
    exchange.complete('{"reasoning": "so be it", "designs": [{"w1": ')


def empty(exchange: Exchange) -> None:
    """A completion without text."""
    exchange.complete("")


def truncated(exchange: Exchange) -> None:
    """A completion that reached its longest length."""
    exchange.complete('{"reasoning": "well, ', finish="length")


def html(exchange: Exchange) -> None:
    """A page of some proxy instead of a completion."""
    exchange.send(200, b"<!doctype html><h1>Sign in</h1>", kind="text/html")


def not_utf8(exchange: Exchange) -> None:
    """A body in another encoding than it should have."""
    exchange.send(200, '{"choices": "é"}'.encode("utf-16"))


def server_error(exchange: Exchange) -> None:
    """HTTP 500."""
    exchange.refuse(500, "overloaded")


def reset(exchange: Exchange) -> None:
    """The connection is reset without an answer."""
    linger = struct.pack("ii", 1, 0)
    exchange.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    exchange.handler.connection.close()


def hang(exchange: Exchange) -> None:
    """No answer while the client waits."""
    exchange.llm.closing.wait(30)


def drip(exchange: Exchange) -> None:
    """A body that comes a byte at a time and never ends."""
    exchange.start(200, "application/json", {})
    while not exchange.llm.closing.wait(0.01):
        exchange.handler.wfile.write(b" ")


def drip_headers(exchange: Exchange) -> None:
    """Headers that come a byte at a time and never end."""
    exchange.handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not exchange.llm.closing.wait(0.01):
        exchange.handler.wfile.write(b"x")
        exchange.handler.wfile.flush()


def text(content: str | None, finish: str = "stop", **more: object) -> Step:
    """A completion with this text; `more` replaces fields of the body, such as usage=None."""
    return lambda exchange: exchange.complete(content, finish, **more)


def designs(*listed: Mapping[str, object]) -> Step:
    """Exactly these designs."""
    return lambda exchange: exchange.answer(listed)


def status(code: int, message: str = "scripted", **headers: str) -> Step:
    """An error with this status; headers by name, `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda exchange: exchange.refuse(code, message, named)


def rate_limited(retry_after: str = "0.01") -> Step:
    """HTTP 429 with Retry-After."""
    return status(429, "slow down", Retry_After=retry_after)


def huge(megabytes: int = 32, code: int = 200) -> Step:
    """A body of so many megabytes."""

    def step(exchange: Exchange) -> None:
        exchange.start(code, "application/json", {})
        for _ in range(megabytes):
            exchange.handler.wfile.write(b" " * 2**20)

    return step


def refuses_format(*kinds: str, then: Step = good) -> Step:
    """HTTP 400 while the request asks for one of these response formats, `then` otherwise."""

    def step(exchange: Exchange) -> None:
        asked = exchange.seen.body.get("response_format", {}).get("type")
        if asked in kinds:
            exchange.refuse(400, f"response_format of type {asked} is not supported")
        else:
            then(exchange)

    return step


def _first(pattern: re.Pattern[str], description: str) -> tuple[str, ...]:
    match = pattern.search(description)
    assert match is not None, f"no {pattern.pattern!r} in {description!r}"
    return match.groups()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # joined on close, so that no socket outlives a test
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], llm: ScriptedLLM) -> None:
        self.llm = llm
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is part of the script; anything else fails the test."""
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError):
            self.llm.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        listing = {"object": "list", "data": [{"id": "scripted", "object": "model"}]}
        exchange = Exchange(self.server.llm, Seen(-1, self.path, {}, {}), self)
        exchange.send(200 if self.path == "/v1/models" else 404, json.dumps(listing).encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/chat/completions":
            Exchange(self.server.llm, Seen(-1, self.path, {}, {}), self).refuse(404, "no such page")
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen, step = self.server.llm.take(self.path, headers, body)
        with contextlib.suppress(ConnectionError):
            step(Exchange(self.server.llm, seen, self))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Quiet."""
