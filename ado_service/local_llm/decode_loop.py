"""The thread that generates: requests wait in a bounded queue, join the batch, and leave it."""

from __future__ import annotations

import threading
from collections import deque

import structlog
import torch

from ado_service.local_llm.batch import Batch
from ado_service.local_llm.generation import Generation
from ado_service.local_llm.generation_error import (
    DecoderFailed,
    EngineClosed,
    MemoryExhausted,
    QueueFull,
)
from ado_service.local_llm.pace import Pace

_log = structlog.get_logger(__name__)


class DecodeLoop:
    """Steps a decoder in a thread of its own, for as many answers at a time as there are rows.

    Args:
        decoder: in evaluation mode.
        max_batch: rows.
        max_waiting: requests that may wait for one.
        threads: of the CPU that the decoder uses.
    """

    def __init__(
        self, decoder: torch.nn.Module, *, max_batch: int, max_waiting: int, threads: int
    ) -> None:
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._threads = threads
        self._decoder = decoder
        self._batch = Batch(decoder)
        self._running: set[Generation] = set()
        self._pace = Pace()
        # Guards what follows; the thread waits on it for work.
        self._changed = threading.Condition()
        self._waiting: deque[Generation] = deque()
        self._joining = 0  # answers whose prompt is being read
        self._next_decoder: torch.nn.Module | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="generation", daemon=True)
        self._thread.start()

    def check_room(self) -> None:
        """See that one more request may wait.

        Raises:
            QueueFull: it may not.
            EngineClosed: there is no more generation.
        """
        with self._changed:
            self._check_room()

    def add(self, generation: Generation) -> None:
        """Queue a request.

        Raises:
            GenerationError: as `check_room` does.
        """
        with self._changed:
            self._check_room()
            self._waiting.append(generation)
            self._changed.notify_all()

    def swap(self, decoder: torch.nn.Module) -> None:
        """Go on with another decoder of the same tokens, once the running batch has ended.

        Requests that wait are answered by the new one. Returns when it has taken over.

        Raises:
            EngineClosed: there is no more generation.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._next_decoder is None or self._closing)
            self._next_decoder = decoder
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._next_decoder is not decoder or self._closing)
            self._check_open()

    def stop(self) -> None:
        """Begin to close: what runs or waits fails within a step. Does not wait."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def close(self) -> None:
        """Fail what runs or waits, and end the thread."""
        self.stop()
        self._thread.join()

    def _check_open(self) -> None:
        if self._closing:
            raise EngineClosed("this model is being shut down; try again when the server is back")

    def _check_room(self) -> None:
        self._check_open()
        self._forget_over()
        free = self._max_batch - len(self._batch.rows) - self._joining
        if len(self._waiting) >= self._max_waiting + max(free, 0):
            raise QueueFull(len(self._waiting), self._pace.until_next(len(self._running)))

    def _forget_over(self) -> None:
        """Let those go that were cancelled while they waited."""
        self._waiting = deque(one for one in self._waiting if not one.over)

    # From here on all runs in the engine's thread.

    def _run(self) -> None:
        torch.set_num_threads(self._threads)  # of this thread; others keep theirs
        with torch.inference_mode():
            while self._await_work():
                self._admit()
                self._step()
        self._fail_all()

    def _await_work(self) -> bool:
        """Wait for something to do; False once it is all to end."""
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._closing
                    or self._waiting
                    or self._batch.rows
                    or self._next_decoder is not None
                )
            )
            return not self._closing

    def _admit(self) -> None:
        """Have requests join the batch while there are rows for them."""
        # A bounded number of prompts, for those that are answered must get on, too.
        for _ in range(self._max_batch):
            taken = self._take()
            if taken is None:
                return
            self._join(*taken)

    def _join(self, generation: Generation, indices: list[int]) -> None:
        self._running.add(generation)
        generation.begin()
        try:
            self._batch.join(generation, indices)
        except Exception as error:
            generation.fail(_decoder_failed(error))
        self._joining = 0

    def _take(self) -> tuple[Generation, list[int]] | None:
        """The next request, and which of its answers there are rows for."""
        with self._changed:
            self._forget_over()
            if self._closing or (self._next_decoder is not None and self._batch.rows):
                return None
            if self._next_decoder is not None:
                self._take_over(self._next_decoder)
            free = self._max_batch - len(self._batch.rows)
            if not self._waiting or not free:
                return None
            generation = self._waiting[0]
            indices = generation.take(free)
            self._joining = len(indices)
            if not generation.untaken:
                self._waiting.popleft()
            return generation, indices

    def _take_over(self, decoder: torch.nn.Module) -> None:
        self._decoder, self._next_decoder = decoder, None
        self._batch = Batch(decoder)
        self._changed.notify_all()

    def _step(self) -> None:
        try:
            self._batch.drop_over()
            if self._batch.rows:
                self._batch.step()
        except Exception as error:
            failed = _decoder_failed(error)
            for row in self._batch.rows:
                row.generation.fail(failed)
            self._batch = Batch(self._decoder)
        for generation in [one for one in self._running if one.over]:
            self._running.remove(generation)
            self._pace.note(generation.seconds)

    def _fail_all(self) -> None:
        closed = EngineClosed("the server shuts down; send the request again when it is back")
        with self._changed:
            unfinished = {*self._running, *self._waiting}
            self._waiting.clear()
        for generation in unfinished:
            generation.fail(closed)


def _decoder_failed(error: Exception) -> DecoderFailed:
    _log.error("decoder_failed", exc_info=error)
    # On a CPU the allocator raises an error like any other.
    short = isinstance(error, torch.OutOfMemoryError | MemoryError)
    if short or "can't allocate memory" in str(error):
        return MemoryExhausted("memory ran out; send a shorter prompt, or fewer requests at a time")
    return DecoderFailed(f"the model could not be computed: {type(error).__name__}: {error}")
