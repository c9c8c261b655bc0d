"""A server with models of its tests, and OpenAI's own client to ask them."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import torch
import uvicorn

from ado_service.api.app import create_app
from ado_service.api.serve import Server
from ado_service.local_llm.engine import Engine
from ado_service.local_llm.hosted_models import EngineFactory
from tests.ado_service.api.live import settings
from tests.ado_service.local_llm.tiny_engine_model import CONTEXT, tiny_decoder, tiny_tokenizer

ASKED: list[Any] = [{"role": "user", "content": "Size the amplifier."}]


class Gated(torch.nn.Module):
    """A decoder that can be held up, and made to fail; it counts its forward passes."""

    def __init__(self) -> None:
        super().__init__()
        self.decoder = tiny_decoder()
        self.free = threading.Event()
        self.free.set()
        self.fails = False
        self.sizes: list[int] = []

    def forward(self, input_ids: Any, **arguments: Any) -> Any:
        assert self.free.wait(20)
        self.sizes.append(len(input_ids))
        if self.fails:
            raise RuntimeError("a secret place")
        return self.decoder(input_ids=input_ids, **arguments)


def tiny_engine(decoder: Any, *, max_batch: int = 8, max_waiting: int = 8) -> Engine:
    return Engine(
        decoder, tiny_tokenizer(), context=CONTEXT, max_batch=max_batch, max_waiting=max_waiting
    )


@contextmanager
def serving_models(
    folder: Path, hosted: Mapping[str, EngineFactory], **fields: Any
) -> Iterator[openai.OpenAI]:
    """A client of a server that hosts these models, without retries."""
    app = create_app(settings(folder, **fields), run_jobs=False, hosted=hosted)
    server = Server(uvicorn.Config(app, lifespan="on", ws="none", log_config=None))
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        with openai.OpenAI(base_url=url, api_key="any", max_retries=0, timeout=30) as client:
            try:
                while not server.started:
                    assert thread.is_alive(), "the server did not start"
                    time.sleep(0.01)
                yield client
            finally:
                server.should_exit = True
                thread.join()


def ask(client: openai.OpenAI, **fields: Any) -> Any:
    sent = {"model": "tiny", "messages": ASKED, "seed": 1, "max_tokens": 20, **fields}
    return client.chat.completions.create(**sent)


def post(client: openai.OpenAI, body: Any, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = {"Content-Type": "application/json", **headers}
    return httpx.post(f"{client.base_url}chat/completions", content=content, headers=kind)


def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)
