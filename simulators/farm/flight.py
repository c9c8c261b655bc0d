"""One batch of designs under way on a farm, as long as one connection lasts."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from simulators.farm.errors import FarmLostError, FarmVersionError
from simulators.farm.farm import is_alive, worker_addresses
from simulators.farm.fingerprint import fingerprint
from simulators.farm.parcel import Parcel
from simulators.farm.patience import Patience
from simulators.farm.task import Fault, FaultKind, Raised, keep, simulate
from simulators.ngspice.errors import (
    HostStartError,
    LibraryMissingError,
    SimulatorClosedError,
    SimulatorError,
)
from simulators.protocol import Values
from simulators.result import FailureKind, SimulationResult

if TYPE_CHECKING:
    from distributed import Client, Future, KilledWorker

_TICK_SECONDS = 0.5
"""How often the farm itself is looked at while no result comes."""
_FETCH_SECONDS = 20.0
"""A finished result's way here."""
_CIRCUIT, _DESIGN = "ado-circuit", "ado-design"
"""What Dask's dashboard and its log call our tasks."""
_TRIES = 5
_LOSSES = 20
"""Answers of one design that may be lost, or come from workers that are ending or unfit."""
"""Workers that may refuse a design before the farm as a whole is to blame."""


class Flight:
    """Submits designs, hands out their results, and moves designs away from unfit workers.

    A worker that dies is Dask's affair: it runs the design elsewhere, and gives up on one that was
    there each time when four workers died. A flight ends with `FarmLostError` when the scheduler
    or all workers go: its owner starts another with the designs that are missing.

    Args:
        client: connected.
        parcel: circuit and decks.
        pool: the pool's name.
        patience: how long the farm may be without workers.
        is_closed: whether the pool was closed.
    """

    def __init__(
        self,
        client: Client,
        parcel: Parcel,
        pool: str,
        patience: Patience,
        is_closed: Callable[[], bool],
    ) -> None:
        self._client = client
        self._parcel = parcel
        self._pool = pool
        self._patience = patience
        self._is_closed = is_closed
        self._ended: queue.SimpleQueue[tuple[int, Future]] = queue.SimpleQueue()
        self._futures: dict[int, Future] = {}
        self._faults: dict[str, Fault] = {}
        self._tries: dict[int, int] = {}
        self._lost: dict[int, int] = {}

    def results(
        self, designs: Mapping[int, Values | None]
    ) -> Iterator[tuple[int, SimulationResult]]:
        """(index, result) of each design as it finishes; what is left when closed is cancelled.

        None among the designs asks for the simulator's version alone.

        Raises:
            FarmLostError: the scheduler or all workers are gone, with designs missing.
            FarmVersionError: all workers run another version than this process.
            LibraryMissingError, HostStartError: no worker can simulate.
            SimulatorClosedError: the pool was closed.
            KeyError: a design lacks a variable.
        """
        parcel = self._client.submit(keep, self._parcel, key=f"{_CIRCUIT}-{uuid4().hex}")
        try:
            for index in designs:
                self._submit(parcel, index, designs[index])
            while self._futures:
                index, future = self._next()
                answer = self._answer(future)
                if isinstance(answer, SimulationResult):
                    del self._futures[index]
                    self._patience.renew()
                    yield index, answer
                else:
                    if isinstance(answer, Fault):
                        self._note(index, answer)
                    self._submit_again(parcel, index, designs[index])
        finally:
            for future in [*self._futures.values(), parcel]:
                future.release()  # a task that nobody waits for is not run

    def _submit(self, parcel: Future, index: int, values: Values | None) -> None:
        """Submit a design, to workers that are fit as far as is known, if there are any."""
        fit: dict[str, Any] = {}
        if self._faults:
            others = [one for one in worker_addresses(self._client) if one not in self._faults]
            fit = {"workers": others, "allow_other_workers": True} if others else {}
        key = f"{_DESIGN}-{uuid4().hex}"
        future = self._client.submit(
            simulate, parcel, values, self._pool, fingerprint(), key=key, pure=False, **fit
        )
        self._futures[index] = future
        future.add_done_callback(partial(self._put, index))

    def _submit_again(self, parcel: Future, index: int, values: Values | None) -> None:
        """Submit a design whose answer was lost, not for ever.

        Raises:
            FarmLostError: it was lost too often.
        """
        self._lost[index] = self._lost.get(index, 0) + 1
        if self._lost[index] > _LOSSES:
            raise FarmLostError(f"an answer was lost {_LOSSES} times")
        self._submit(parcel, index, values)

    def _put(self, index: int, future: Future) -> None:
        self._ended.put((index, future))

    def _next(self) -> tuple[int, Future]:
        """The next future that ended, while the farm lives."""
        while True:
            if self._is_closed():
                raise SimulatorClosedError("the simulator was closed in mid-task")
            try:
                index, future = self._ended.get(timeout=_TICK_SECONDS)
            except queue.Empty:
                self._look()
                continue
            if self._futures.get(index) is future:
                return index, future

    def _look(self) -> None:
        """Whether there is a farm at all."""
        if not is_alive(self._client):
            raise FarmLostError("the scheduler is gone")
        if worker_addresses(self._client):
            self._patience.renew()
        elif self._patience.is_over:
            raise FarmLostError(
                "the farm has no workers (if they came and went: have they this version of "
                "ado-service? Their logs say)"
            )

    def _answer(self, future: Future) -> SimulationResult | Fault | None:
        """What came back; None when the design is to be submitted again."""
        from distributed import KilledWorker

        try:
            answer: SimulationResult | Fault | Raised = future.result(timeout=_FETCH_SECONDS)
        except KilledWorker as error:
            return _lost(error)
        except CancelledError as error:  # Dask does so to all when its line breaks
            raise FarmLostError("the scheduler was gone") from error
        except OSError as error:  # the line broke, or nothing came in time
            if is_alive(self._client):
                return None
            raise FarmLostError(f"the scheduler is gone: {error}") from error
        except Exception as error:
            if self._is_closed():  # in another thread, and Dask with it
                raise SimulatorClosedError("the simulator was closed in mid-task") from error
            raise FarmVersionError(
                f"the farm cannot load our task ({type(error).__name__}: {error}); install this "
                "version of ado-service on its scheduler and workers (docs/farm.md)"
            ) from error
        if not isinstance(answer, Raised):
            return answer
        if isinstance(answer.error, SimulatorClosedError):
            return None  # its worker is ending, or we are, which is looked at next
        raise answer.error

    def _note(self, index: int, fault: Fault) -> None:
        """Remember an unfit worker.

        Raises:
            SimulatorError: no other is left.
        """
        self._faults[fault.worker] = fault
        self._tries[index] = self._tries.get(index, 0) + 1
        fit = set(worker_addresses(self._client)) - set(self._faults)
        if not fit or self._tries[index] >= _TRIES:
            raise _error(fault)


def _lost(error: KilledWorker) -> SimulationResult:
    """The result of a design that Dask gave up.

    Raises:
        FarmLostError: it was not the design but the circuit's way to the workers.
    """
    if str(error.task).startswith(_CIRCUIT):
        raise FarmLostError("the workers died before they began") from error
    times = error.allowed_failures + 1
    message = f"{times} workers died while they simulated it, and the farm gave it up"
    return SimulationResult(failure=FailureKind.LOST_WORKER, message=message)


def _error(fault: Fault) -> SimulatorError:
    """The fault of a farm of which no worker is fit."""
    text = f"worker {fault.worker}: {fault.message}"
    if fault.kind is FaultKind.NO_NGSPICE:
        return LibraryMissingError(text)
    if fault.kind is FaultKind.NO_HOST:
        return HostStartError(text)
    return FarmVersionError(f"{text}; install the same version on both (docs/farm.md)")
