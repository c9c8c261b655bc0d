"""How fast requests are answered, for those who have to wait."""

from __future__ import annotations

_UNKNOWN_SECONDS = 5.0
_SHORTEST = 1.0
_WEIGHT = 0.2
"""Of the newest request in the mean."""


class Pace:
    """A running mean of the time that a request takes, in seconds."""

    def __init__(self) -> None:
        self._mean: float | None = None

    def note(self, seconds: float) -> None:
        """One request has ended after so long."""
        last = seconds if self._mean is None else self._mean
        self._mean = last + _WEIGHT * (seconds - last)

    def until_next(self, running: int) -> float:
        """Seconds until one of `running` requests will probably have ended, at least one second."""
        mean = _UNKNOWN_SECONDS if self._mean is None else self._mean
        return max(_SHORTEST, mean / max(running, 1))
