"""What keeps a server busy: one stream of tokens after the other, and a tuning."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from benchmarks.responsiveness_runs.server import HOST
from circuits.loader import load_circuit
from prompts.render import few_shot

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event

MODEL = "small"
CIRCUIT = "two_stage_amplifier"
_ANSWER = 400
"""Tokens of one answer."""
_STEPS = 100_000
"""Of the tuning: more than it gets to."""
_TUNING_SECONDS = 240.0


@contextmanager
def generating(port: int) -> Iterator[Synchronized[int]]:
    """Stream answers for as long as the block lasts; the number of pieces that came so far.

    By a process of its own, so that reading them takes nothing from whoever measures.
    """
    context = get_context("spawn")
    stop, pieces = context.Event(), context.Value("l", 0)
    process = context.Process(target=_generate, args=(port, stop, pieces), daemon=True)
    process.start()
    try:
        yield pieces
    finally:
        stop.set()
        process.join(30)
        process.kill()


def _generate(port: int, stop: Event, pieces: Synchronized[int]) -> None:
    from openai import OpenAI

    circuit = load_circuit(CIRCUIT)
    messages: Any = few_shot(circuit, circuit.spec_sets[0].specs, (), 1)
    with OpenAI(base_url=f"http://{HOST}:{port}/v1", api_key="none", max_retries=0) as client:
        seed = 0
        while not stop.is_set():
            seed += 1
            for _ in client.chat.completions.create(
                model=MODEL, messages=messages, stream=True, max_tokens=_ANSWER, seed=seed
            ):
                pieces.value += 1  # nobody else writes it
                if stop.is_set():
                    return


@contextmanager
def tuning(port: int) -> Iterator[dict[str, Any]]:
    """A QST tuning that trains, for as long as the block lasts.

    Raises:
        RuntimeError: it does not begin to train.
    """
    asked = {"model": MODEL, "sources": [CIRCUIT], "steps": _STEPS, "trials": 0, "batch": 2}
    made = _called(port, "POST", "/v1/tunings", asked)
    path = f"/v1/tunings/{made['id']}"
    deadline = time.monotonic() + _TUNING_SECONDS
    try:
        while (found := _called(port, "GET", path))["step"] < 1:
            if found["finished_at"] is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the tuning {found['state']}: {found['message']}")
            time.sleep(0.2)
        yield found
    finally:
        _called(port, "PUT", f"{path}/wanted-state", {"wanted_state": "cancel"})


def steps_of(port: int, tuning_id: str) -> int:
    """Steps that a tuning has made."""
    return int(_called(port, "GET", f"/v1/tunings/{tuning_id}")["step"])


def _called(port: int, method: str, path: str, body: object = None) -> Any:
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        found = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path} is answered {answer.status}: {found.decode()}")
        return json.loads(found)
    finally:
        connection.close()
