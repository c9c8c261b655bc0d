"""A thread that claims what waits and runs it, one after the other."""

from __future__ import annotations

import threading

import structlog

_log = structlog.get_logger(__name__)
_IDLE_SECONDS = 0.5
_LONGEST_PAUSE = 60.0
"""Between tries on a machine that cannot do it, or without a database."""


class Claimer:
    """Runs what is queued until it is stopped; any number of them may share a database.

    It outlives every error. After one, and after a fault of the machine, it waits longer and
    longer before it tries again.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start claiming."""
        self._thread.start()

    def stop(self, timeout: float | None = None) -> bool:
        """Hand back what runs, and end.

        Args:
            timeout: seconds to wait for it; None for as long as it takes.

        Returns:
            Whether it has ended.
        """
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self.alive

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the thread ends or `timeout` seconds have passed."""
        self._thread.join(timeout)

    def _work(self) -> None:
        pause = _IDLE_SECONDS
        while not self._stop.is_set():
            try:
                fault = self._run_next()
            except Exception:
                # Whatever it is, the next one may do better; a dead thread would run none.
                _log.exception("worker_error", thread=self._thread.name)
                fault = True
            pause = min(2 * pause, _LONGEST_PAUSE) if fault else _IDLE_SECONDS
            self._stop.wait(pause)
        self._end()

    def _run_next(self) -> bool:
        """Claim and run what waits; whether this machine or the database failed it."""
        raise NotImplementedError

    def _end(self) -> None:
        """Called last in the thread."""
