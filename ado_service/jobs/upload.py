"""Takes a user's circuit in: all of it is checked, by a simulation too, before a write."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ado_service.jobs.simulator import open_simulator
from ado_service.settings import Settings
from ado_service.store.circuit_record import CircuitRecord, StartingDesign
from ado_service.store.store import Store
from circuits.definition import Circuit
from circuits.errors import CircuitError, Finding
from circuits.loader import library_names, load_files
from simulators.check import check_circuit, try_circuit
from simulators.corners import worst_corner
from simulators.result import FailureKind
from simulators.starting import starting_design

_YAML = "circuit.yaml"
_AT_ONCE = 2
_WAIT_SECONDS = 10.0
_TRIAL_SECONDS = 10.0
"""Time limit of the one simulation that a circuit must pass."""
_FATAL = frozenset({FailureKind.TIMEOUT, FailureKind.SIMULATOR_CRASH, FailureKind.LOST_WORKER})
_HASH = re.compile(r"[0-9a-f]{64}")


class LibraryNameError(ValueError):
    """The name is a library circuit's: that one is neither replaced nor removed."""

    def __init__(self, name: str, cure: str) -> None:
        super().__init__(f"{name} is a circuit of the library, which stays as it is; {cure}")


class UploadsBusyError(RuntimeError):
    """Too many circuits are being checked at this moment."""


class Uploads:
    """The circuits that users bring. Safe to use from any thread.

    Args:
        store: the design database.
        settings: of the process.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._turns = threading.BoundedSemaphore(_AT_ONCE)

    def take(self, files: Mapping[str, str]) -> tuple[CircuitRecord, bool]:
        """Check a circuit and put it on record as the latest version of its name.

        What was uploaded before is not checked again.

        Args:
            files: text by path, among them `circuit.yaml`.

        Returns:
            Its record, and whether this version is new.

        Raises:
            CircuitError: all that is wrong with it, each with file, line and cure.
            LibraryNameError: a library circuit has this name.
            UploadsBusyError: too many others are being checked; try again.
            SimulatorError: this machine cannot simulate.
        """
        with self._turn():
            circuit = load_files(files)
            _check_name(circuit.name)
            return self._store.circuits.upload(circuit, self._starting(circuit))

    def remove(self, name: str) -> None:
        """Forget a circuit on record, by content hash or (its latest version) by name.

        Raises:
            NotFound: there is none.
            CircuitInUse: jobs sized it.
            LibraryNameError: it is a library circuit.
        """
        if name in library_names():
            raise LibraryNameError(name, "name another circuit")
        self._store.circuits.delete(self._store.circuits.find(name).hash)

    def _starting(self, circuit: Circuit) -> StartingDesign:
        known = self._store.circuits.uploaded(circuit.content_hash)
        return known or self._tried(circuit)

    def _tried(self, circuit: Circuit) -> StartingDesign:
        """What the circuit's own sizes come to; raises where it cannot be sized like this."""
        check_circuit(circuit)
        with open_simulator(
            circuit, self._settings, self._store, time_limit=_TRIAL_SECONDS, processes=1
        ) as simulator:
            result = try_circuit(circuit, simulator)
        if result.failure in _FATAL:
            problem = f"its own sizes end in {result.failure}: {result.message}"
            cure = f"Mend or shorten the simulation; it has {_TRIAL_SECONDS:g} s"
            raise CircuitError([Finding(_YAML, None, problem, cure)])
        return StartingDesign(
            values=starting_design(circuit),
            metrics=worst_corner(result, circuit.specs()),
            failure=result.failure,
            message=result.message,
            simulator=result.simulator,
        )

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """A few at a time: checking takes processors, and memory for what a circuit expands to."""
        if not self._turns.acquire(timeout=_WAIT_SECONDS):
            raise UploadsBusyError("other circuits are being checked; try again in a few seconds")
        try:
            yield
        finally:
            self._turns.release()


def _check_name(name: str) -> None:
    if name in library_names():
        raise LibraryNameError(name, "give yours another name")
    if _HASH.fullmatch(name):
        problem = "name: it could be mistaken for a content hash"
        raise CircuitError([Finding(_YAML, None, problem, "Choose another name")])
