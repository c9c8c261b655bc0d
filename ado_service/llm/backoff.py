"""How long to wait before a request is sent again."""

from __future__ import annotations

_FIRST = 0.5
_LONGEST = 20.0
_LONGEST_ASKED = 60.0


def pause(retries: int, asked: float, jitter: float) -> float:
    """Seconds before the next attempt.

    Args:
        retries: how often it was tried again already.
        asked: seconds that whoever refused asks for; 0 where nothing was said. At most a minute of
            it is heeded.
        jitter: in [0, 1); half of a wait that nobody asked for is left to it, so that those who
            failed together do not come back together.
    """
    if asked > 0:
        return min(asked, _LONGEST_ASKED)
    return min(_FIRST * 2.0**retries, _LONGEST) * (0.5 + 0.5 * jitter)
