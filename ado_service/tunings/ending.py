"""How a tuning ends that does not come to its end: whose fault it is, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ado_service.jobs.asked import SubmissionError
from ado_service.local_llm import LocalModelError, MissingExtraError
from ado_service.local_llm.errors import ModelMemoryError
from ado_service.store.errors import AlreadyExists, NotFound
from ado_service.tunings.base_model import ModelFilesError
from ado_service.tunings.errors import MemoryShort, TuningFailed
from circuits.errors import CircuitError
from simulators.ngspice.errors import SimulatorError

_LOG = "the log of the server or worker says more"
_NO_MEMORY = ("allocate memory", "can't start new thread")
"""What errors of the libraries say when memory runs out."""
MEMORY_CURE = "take a smaller batch, --checkpointing, method qst or a smaller model, or free memory"


class Fault(Enum):
    """Whose it is."""

    TUNING = "of model, designs or settings: it fails"
    MACHINE = "of this machine: it waits in the queue"
    MEMORY = "of memory: it waits in the queue, once"
    OURS = "a mistake of the program: it fails"


@dataclass(frozen=True, slots=True)
class Ending:
    """What stopped a tuning.

    Attributes:
        fault: whose it is.
        message: what happened and what to do; names no file.
        detail: the same with the files of this machine; empty where there are none to name.
    """

    fault: Fault
    message: str
    detail: str = ""


def ending(error: Exception) -> Ending:
    """What stopped a tuning, by the error that it raised."""
    text = str(error)
    if ran_out_of_memory(error):
        detail = text if isinstance(error, ModelMemoryError) else ""
        return Ending(Fault.MEMORY, "memory ran out", detail)
    match error:
        case MissingExtraError():
            return Ending(Fault.MACHINE, text)
        case SimulatorError():
            said = f"the machine that runs it cannot simulate; {_LOG}"
            return Ending(Fault.MACHINE, said, text)
        case OSError():
            said = "the machine that runs it cannot read or write its files"
            said += f" ({error.strerror})" if error.strerror else ""
            return Ending(Fault.MACHINE, said, f"{said}: {text}")
        case ModelFilesError():
            said = f"the model's files are not as they were registered; {_LOG}"
            return Ending(Fault.TUNING, said, text)
        case LocalModelError():
            return _shown(text, error.public)
        case TuningFailed() | SubmissionError() | CircuitError() | AlreadyExists() | NotFound():
            return _shown(text, f"it cannot go on ({type(error).__name__}); {_LOG}")
    return Ending(Fault.OURS, f"internal error ({type(error).__name__}); {_LOG}")


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is no memory left, on a GPU or not."""
    import torch

    if isinstance(error, MemoryError | MemoryShort | ModelMemoryError | torch.OutOfMemoryError):
        return True
    said = isinstance(error, RuntimeError | LocalModelError)
    return said and any(words in str(error) for words in _NO_MEMORY)


def _shown(text: str, instead: str) -> Ending:
    """A fault of the tuning, in its own words where they name no file."""
    if "/" in text:
        return Ending(Fault.TUNING, instead, text)
    return Ending(Fault.TUNING, text)
