"""One configuration in a process of its own: memory and seconds of its steps, as a line of JSON.

`python -m benchmarks.local_llm_runs.one TASK` with the JSON of a `Task`.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass, replace
from itertools import chain

import torch
from torch import Tensor

from benchmarks.local_llm_runs.base_model import random_base
from benchmarks.local_llm_runs.configuration import CONFIGURATIONS
from benchmarks.local_llm_runs.memory import memory_of
from benchmarks.local_llm_runs.saved import SavedBytes
from benchmarks.local_llm_runs.shapes import SHAPES
from benchmarks.local_llm_runs.tunee import Tunee, tunee

_RATE = 1e-4
_WARM_UP_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Task:
    """What to measure.

    Attributes:
        shape: name of one in `SHAPES`; `configuration` of one in `CONFIGURATIONS`.
        batch, length: tokens of a step are `batch x length`.
        device: "cpu" or "cuda". dtype: "bfloat16" or "float32", of all that is not NF4.
        steps: how many are timed, after one in which memory is counted.
    """

    shape: str
    configuration: str
    batch: int
    length: int
    device: str
    dtype: str
    steps: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured.

    Attributes:
        task: of what.
        loaded: bytes held with the model built, before the first step.
        saved: bytes saved for the backward pass.
        peak: most bytes held during the steps, beyond `loaded`: gradients, optimizer,
            activations and whatever kernels need in between.
        seconds: of each timed step.
        loss: of the last step, nats a token.
        failure: "out of memory" or another reason why there are no figures; empty otherwise.
    """

    task: Task
    loaded: int = 0
    saved: int = 0
    peak: int = 0
    seconds: tuple[float, ...] = ()
    loss: float = 0.0
    failure: str = ""

    def line(self) -> str:
        """As JSON without a line break."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, line: str) -> Measured:
        """What `line` wrote."""
        found = json.loads(line)
        seconds = tuple(found.pop("seconds"))
        return cls(Task(**found.pop("task")), seconds=seconds, **found)


OUT_OF_MEMORY = "out of memory"
_OUT_OF_MEMORY = ("allocate memory", "out of memory")
"""What a CPU says, and what CUDA says to libraries beside torch."""


def measure(task: Task) -> Measured:
    """Build the model and take the steps; running out of memory is a result."""
    found = Measured(task)
    try:
        return _measure(task)
    except torch.OutOfMemoryError:
        return replace(found, failure=OUT_OF_MEMORY)
    except RuntimeError as error:
        if not any(said in str(error) for said in _OUT_OF_MEMORY):
            raise
        return replace(found, failure=OUT_OF_MEMORY)


def _measure(task: Task) -> Measured:
    torch.manual_seed(0)
    shape, configuration = SHAPES[task.shape], CONFIGURATIONS[task.configuration]
    dtype = getattr(torch, task.dtype)
    base = random_base(shape, nf4=configuration.nf4, dtype=dtype, device=task.device)
    made = tunee(base, configuration, dtype=dtype)
    ids = torch.randint(shape.vocabulary, (task.batch, task.length), device=task.device)
    # Libraries load their parts, and compile kernels, in the first pass; it is not counted.
    made.loss(ids[:1, :_WARM_UP_LENGTH]).backward()  # type: ignore[no-untyped-call]
    for parameter in made.trainable:
        parameter.grad = None
    memory = memory_of(task.device)
    loaded = memory.held()
    memory.restart()
    optimizer = made.optimizer(_RATE)
    with SavedBytes(chain(made.model.parameters(), made.model.buffers())) as counter:
        value = made.loss(ids)
    saved = counter.total()
    loss = finish(made, optimizer, value)
    seconds = []
    for _ in range(task.steps):
        clock = time.perf_counter()
        loss = finish(made, optimizer, made.loss(ids))
        seconds.append(time.perf_counter() - clock)
    peak = memory.peak() - loaded
    return Measured(task, loaded, saved, peak, tuple(seconds), loss)


def finish(made: Tunee, optimizer: torch.optim.Optimizer, loss: Tensor) -> float:
    """Backward pass and step; the value of the loss, which waits for the device."""
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    if made.model.device.type == "cuda":
        torch.cuda.synchronize()
    return float(loss.detach())


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.stdout.write(measure(Task(**json.loads(sys.argv[1]))).line() + "\n")
