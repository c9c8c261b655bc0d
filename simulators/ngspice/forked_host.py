"""A host as its parent sees it: two pipes, and a lifeline to the nursery."""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import socket
import time

_ANSWER_BYTES = 64 << 20
"""No answer is longer, unless a host has gone astray and would fill our memory."""


class ForkedHost:
    """One forked host process, used by one thread; `kill` may come from any until `close`.

    Args:
        requests: descriptor that the host reads from the other end of.
        answers: descriptor to read the host's answers from.
        lifeline: on which the nursery tells the process id and the exit status.
        seconds: how long the nursery may take to fork it.

    Raises:
        EOFError: the nursery is gone.
        TimeoutError: it did not fork in time.
    """

    def __init__(
        self, requests: int, answers: int, lifeline: socket.socket, seconds: float
    ) -> None:
        self._requests, self._answers, self._lifeline = requests, answers, lifeline
        self._status: int | None = None
        try:
            # One that dies at once has its status behind its process id.
            words = _line(lifeline.fileno(), seconds).split()
            self.pid = int(words[0])
            self._status = int(words[1]) if len(words) > 1 else None
        except BaseException:
            self.close()
            raise

    def send(self, text: str) -> None:
        """Write a line.

        Raises:
            OSError: the host is gone.
        """
        left = memoryview(text.encode() + b"\n")
        while left:
            left = left[os.write(self._requests, left) :]

    def receive(self, seconds: float) -> str:
        """A line from the host.

        Raises:
            TimeoutError: it did not come in time.
            EOFError: the host is gone.
        """
        return _line(self._answers, seconds)

    def kill(self) -> None:
        """Kill it. Its process id is no other's while the lifeline is open, dead or not."""
        with contextlib.suppress(ProcessLookupError):  # its nursery is dead, and so is it
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, seconds: float) -> int | None:
        """Exit status, negative for a signal; None when it is not known within `seconds`."""
        with contextlib.suppress(EOFError, OSError):
            if self._status is None:
                self._status = int(_line(self._lifeline.fileno(), seconds))
        return self._status

    def close(self) -> None:
        """Let go of it: the nursery kills and buries it, should it still live."""
        os.close(self._requests)
        os.close(self._answers)
        self._lifeline.close()


def _line(descriptor: int, seconds: float) -> str:
    """One line, without its end, from a descriptor of which nothing else is waiting to be read."""
    deadline, chunks, size = time.monotonic() + seconds, list[bytes](), 0
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while not chunks or not chunks[-1].endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(math.ceil(left * 1e3)):
            raise TimeoutError(f"no answer within {seconds:g} s")
        chunk = os.read(descriptor, 1 << 16)
        chunks.append(chunk)
        size += len(chunk)
        if not chunk or size > _ANSWER_BYTES:
            raise EOFError("the other end is gone" if not chunk else "an endless answer")
    return b"".join(chunks).decode().removesuffix("\n")
