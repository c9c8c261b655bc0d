"""What runs on a farm's workers and schedulers. Light to import: a scheduler loads it too."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from simulators.farm.fingerprint import fingerprint
from simulators.farm.parcel import Parcel
from simulators.result import SimulationResult

if TYPE_CHECKING:
    from simulators.farm.shelf import Shelf

_IDLE_MORE = 4
"""Simulators that a worker keeps unused beyond one a thread."""


class FaultKind(StrEnum):
    """What is wrong with a worker."""

    NO_NGSPICE = "no_ngspice"
    NO_HOST = "no_host"
    OTHER_VERSION = "other_version"


@dataclass(frozen=True, slots=True)
class Fault:
    """A worker's answer when it cannot simulate at all; the design is to go elsewhere.

    Attributes:
        kind: what is wrong.
        worker: the worker's address.
        message: the same in words, with the cure.
    """

    kind: FaultKind
    worker: str
    message: str


@dataclass(frozen=True, slots=True)
class Raised:
    """What a design raised in our own code, as it would have here: it lacks a variable, say.

    A task that fails in any other way is one that the farm could not even load.
    """

    error: Exception


def keep(parcel: Parcel) -> Parcel:
    """The parcel, as a task: each worker fetches it once, and the farm can make it again."""
    return parcel


def simulate(
    parcel: Parcel, values: Mapping[str, float] | None, pool: str, wanted: str
) -> SimulationResult | Fault | Raised:
    """Measure one design, all its testbenches and corners, on a host of this worker.

    Args:
        parcel: circuit and decks.
        values: the design, SI units; None to be told of the simulator alone.
        pool: who asks, see `recall`.
        wanted: the client's fingerprint.
    """
    if fingerprint() != wanted:
        return _fault(FaultKind.OTHER_VERSION, f"it runs ado-service {fingerprint()}, not {wanted}")

    from simulators.ngspice.errors import HostStartError, LibraryMissingError

    try:
        with _shelf().lent(parcel, pool) as simulator:
            if values is None:
                return SimulationResult(simulator=simulator.version)
            return simulator.run([values])[0]
    except LibraryMissingError as error:
        return _fault(FaultKind.NO_NGSPICE, str(error))
    except HostStartError as error:
        return _fault(FaultKind.NO_HOST, str(error))
    except Exception as error:  # the caller raises it
        return Raised(error)


def recall(pool: str) -> None:
    """End all that a pool has under way on this worker.

    In a thread: the worker's event loop, which calls this, must not wait for processes to end.
    """
    threading.Thread(target=_shelf().recall, args=(pool,), daemon=True).start()


def host_pids() -> list[int]:
    """Process ids of this worker's simulator hosts."""
    return _shelf().host_pids()


_making = threading.Lock()


def _shelf() -> Shelf:
    with _making:  # two threads' first tasks may come at once
        return _the_shelf()


@cache
def _the_shelf() -> Shelf:
    from distributed import get_worker

    from simulators.farm.shelf import Shelf

    shelf = Shelf(idle=get_worker().state.nthreads + _IDLE_MORE)
    atexit.register(shelf.close)
    return shelf


def _fault(kind: FaultKind, message: str) -> Fault:
    from distributed import get_worker

    return Fault(kind, get_worker().address, message)
