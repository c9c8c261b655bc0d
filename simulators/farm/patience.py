"""How long a farm may be away."""

from __future__ import annotations

import time


class Patience:
    """Runs out when it was not renewed for so long.

    Args:
        seconds: how long.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.renew()

    def renew(self) -> None:
        """Start anew: the farm has shown that it is there."""
        self._until = time.monotonic() + self._seconds

    @property
    def left(self) -> float:
        """Seconds, 0 at least."""
        return max(0.0, self._until - time.monotonic())

    @property
    def is_over(self) -> bool:
        """Whether it has run out."""
        return self.left == 0.0
