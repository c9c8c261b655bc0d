"""The connection to a farm: one Dask client, made anew when its scheduler comes back."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from simulators.farm.errors import (
    FarmExtraMissingError,
    FarmUnreachableError,
    FarmVersionError,
)

if TYPE_CHECKING:
    from distributed import Client

_TRY_SECONDS = 3.0
"""One try to connect: a scheduler that is there answers in far less."""
_ASK_SECONDS = 5.0
_PAUSE_SECONDS = 0.25
_CLOSE_SECONDS = 3.0


class Farm:
    """A scheduler and the workers that it has, whichever they are at the time.

    Threads may share it.

    Args:
        address: of the scheduler, such as `tcp://farm:8786` or `tls://...`.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._client: Client | None = None
        self._lock = threading.Lock()

    def client(self, seconds: float, wanted: Callable[[], bool] = lambda: True) -> Client:
        """A client that is connected, the same one until its connection breaks.

        Args:
            seconds: how long to try.
            wanted: asked between tries whether to go on.

        Raises:
            FarmExtraMissingError: Dask is not installed.
            FarmUnreachableError: nobody answered in time.
            FarmVersionError: Dask there does not understand Dask here.
        """
        with self._lock:
            if self._client is not None and is_alive(self._client):
                return self._client
            self._drop()
            self._client = _connected(self.address, seconds, wanted)
            return self._client

    def close(self) -> None:
        """Leave the farm."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            within(_CLOSE_SECONDS, lambda: client.close(timeout=_CLOSE_SECONDS))


def is_alive(client: Client) -> bool:
    """Whether the scheduler holds the line."""
    return bool(client.status == "running")


def worker_addresses(client: Client) -> list[str]:
    """Addresses of the farm's workers; empty when there are none, or no scheduler to ask."""
    found: list[str] = []
    within(_ASK_SECONDS, lambda: found.extend(client.scheduler_info()["workers"]))
    return found


def within(seconds: float, call: Callable[[], object]) -> None:
    """Make a call that may fail or hang when the scheduler is gone; waits so long at most."""

    def run() -> None:
        with contextlib.suppress(Exception):  # whatever it is, the farm is gone, which shows
            call()

    thread = threading.Thread(target=run, name="ado-farm-call", daemon=True)
    thread.start()
    thread.join(seconds)


def _connected(address: str, seconds: float, wanted: Callable[[], bool]) -> Client:
    try:
        from distributed import Client
    except ImportError as error:
        raise FarmExtraMissingError(
            "a farm needs Dask: pip install 'ado-service[farm]', or unset ADO_DASK_ADDRESS"
        ) from error
    deadline = time.monotonic() + seconds
    while True:
        try:
            return Client(address, timeout=_TRY_SECONDS, set_as_default=False)
        except (OSError, TimeoutError, AssertionError) as error:
            # Dask gives its own loop ten seconds to start, and asserts that it has.
            reason = str(error) or type(error).__name__
        except ValueError as error:
            raise FarmUnreachableError(
                f"ADO_DASK_ADDRESS is no Dask address: {address!r} ({error}); write tcp://host:8786"
            ) from error
        except ImportError as error:
            raise FarmVersionError(
                f"the scheduler at {address} runs a Dask that ours does not understand: {error}; "
                "install the same versions on both"
            ) from error
        if time.monotonic() >= deadline or not wanted():
            raise FarmUnreachableError(
                f"no Dask scheduler answers at {address} ({reason}); start one (docs/farm.md), "
                "or unset ADO_DASK_ADDRESS to simulate on this machine"
            )
        time.sleep(_PAUSE_SECONDS)
