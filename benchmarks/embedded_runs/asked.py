"""What the embedded model answers to a prompt, and what its designs are worth."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from circuits.definition import Circuit
from circuits.fom import Verdict, judge
from circuits.spec import Spec
from prompts.bounded import bounded
from prompts.demonstration import Demonstration
from prompts.parse import parse_answer
from prompts.render import few_shot
from prompts.schema import answer_schema
from simulators.protocol import Simulator

if TYPE_CHECKING:
    from ado_service.local_llm.engine import Engine

Design = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: `count` designs of a circuit under specs, after demonstrations."""

    circuit: Circuit
    specs: tuple[Spec, ...]
    demonstrations: tuple[Demonstration, ...] = ()
    count: int = 1


@dataclass(frozen=True, slots=True)
class Told:
    """One answer.

    Attributes:
        designs: those that could be read, SI units.
        wrong: what could not.
        first, whole: seconds to the first token and to the last.
        tokens: of the answer.
    """

    designs: list[dict[str, float]]
    wrong: list[str]
    first: float
    whole: float
    tokens: int


@contextmanager
def model(folder: Path | None) -> Iterator[Engine]:
    """The engine of the embedded model, or of the model in `folder`."""
    from ado_service.local_llm.embedded import embedded_source
    from ado_service.local_llm.hosting import Hosting

    engine = Hosting("cpu").engine(embedded_source(folder))
    try:
        yield engine
    finally:
        engine.close()


def answered(engine: Engine, question: Question, seed: int, temperature: float) -> Told:
    """One answer to a question, held to the schema that jobs use."""
    from ado_service.local_llm.chat_message import ChatMessage
    from ado_service.local_llm.generation_event import answers
    from ado_service.local_llm.generation_request import GenerationRequest

    circuit = question.circuit
    messages = few_shot(circuit, question.specs, question.demonstrations, question.count)
    schema = bounded(answer_schema(circuit, question.count))
    prompt = engine.chat.tokens([ChatMessage(one["role"], one["content"]) for one in messages])
    request = GenerationRequest(prompt, temperature=temperature, seed=seed, schema=schema)
    started = time.perf_counter()
    found, times = [], []
    for event in engine.generate(request):
        found.append(event)
        times.append(time.perf_counter() - started)
    [answer] = answers(found)
    parsed = parse_answer(answer.text, circuit)
    return Told(parsed.designs, parsed.problems, times[0], times[-1], answer.tokens)


def outside(circuit: Circuit, designs: Sequence[Design]) -> int:
    """How many of `designs` have a value out of its range."""
    return sum(
        any(not one.low <= design[one.name] <= one.high for one in circuit.variables)
        for design in designs
    )


def judged(
    simulator: Simulator, designs: Sequence[Design], specs: Sequence[Spec]
) -> list[tuple[Demonstration, Verdict]]:
    """Each design measured, and how it stands against `specs` in the nominal corner."""
    found = []
    for design, result in zip(designs, simulator.run(designs), strict=True):
        corner = next(iter(result.corners.values()), None)
        metrics = {} if corner is None else corner.metrics
        devices = {} if corner is None else corner.devices
        regions = {path: point.region.value for path, point in devices.items()}
        shown = Demonstration(design, metrics, regions, result.failure)
        found.append((shown, judge(metrics, specs)))
    return found
