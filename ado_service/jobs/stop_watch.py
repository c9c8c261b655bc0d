"""Ends a batch at once when the job is to stop, however long its simulations take."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import structlog

from ado_service.ledger import Stopped
from ado_service.store.errors import StoreError

_log = structlog.get_logger(__name__)
_SECONDS = 0.5


class StopWatch:
    """Asks from a thread whether the job is to stop, and acts then.

    The designs under way stay pending on record, so that nothing is lost by ending them.

    Args:
        check: raises `Stopped` when the job is to stop.
        act: ends what runs; called once, from the thread.
    """

    def __init__(self, check: Callable[[], None], act: Callable[[], None]) -> None:
        self._check = check
        self._act = act
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="stop-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(_SECONDS):
            try:
                self._check()
            except Stopped:
                self._act()
                return
            except StoreError as error:  # the loop meets it too, and ends by it
                _log.warning("stop_watch_blind", detail=str(error))
