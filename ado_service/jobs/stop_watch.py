"""Ends a batch at once when the job is to stop, however long its simulations take."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from ado_service.jobs.companion import Companion
from ado_service.ledger import Stopped
from ado_service.store.errors import StoreError

_log = structlog.get_logger(__name__)
_SECONDS = 0.5


class StopWatch(Companion):
    """Asks from a thread whether the job is to stop, and acts then.

    The designs under way stay pending on record, so that nothing is lost by ending them.

    Args:
        check: raises `Stopped` when the job is to stop.
        act: ends what runs; called once, from the thread.
    """

    def __init__(self, check: Callable[[], None], act: Callable[[], None]) -> None:
        super().__init__("stop-watch")
        self._check = check
        self._act = act

    def _go_along(self) -> None:
        while not self._done.wait(_SECONDS):
            try:
                self._check()
            except Stopped:
                self._act()
                return
            except StoreError as error:  # the loop meets it too, and ends by it
                _log.warning("stop_watch_blind", detail=str(error))
