"""CMA-ES (Hansen 2016), as the package `cma` has it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import cma
import numpy as np

from ado_service.loop import derive_seed
from benchmarks.peer_methods.protocol import Point, Task, Trial
from benchmarks.peer_methods.seeded import seeded

_STEP = 0.25
"""The package's own advice for its first step: about a quarter of the axis."""


class CmaMethod:
    """Generations of the package's own size from the best initial design, handed out in batches.

    The last batch of a generation is what is left of it, so that no simulation is wasted. A search
    that has converged starts anew at a random point with twice the generation (IPOP; Auger and
    Hansen, CEC 2005).
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._search: Any = None
        self._calls = 0
        self._waiting: deque[Point] = deque()
        self._done: list[Trial] = []

    def suggest(self, n: int) -> list[Point]:
        """The next of the generation, at most `n`."""
        if not self._waiting:
            with seeded(self._seed()):
                self._waiting.extend(tuple(row.tolist()) for row in self._search.ask())
        return [self._waiting.popleft() for _ in range(min(n, len(self._waiting)))]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Collects the generation; the search hears of it when it is complete."""
        if self._search is None:
            best = max(trials, key=lambda trial: trial.fom)
            self._start(np.array(best.point), None)
            return
        self._done += trials
        if self._waiting:
            return
        with seeded(self._seed()):
            points = [np.array(trial.point) for trial in self._done]
            self._search.tell(points, [-trial.fom for trial in self._done])
        if self._search.stop():
            random = np.random.default_rng(self._seed()).random(self._task.dimension)
            self._start(random, 2 * len(self._done))
        self._done = []

    def _start(self, centre: np.ndarray[Any, Any], generation: int | None) -> None:
        options: dict[str, Any] = {"bounds": [0, 1], "verbose": -9, "seed": np.nan}
        if generation is not None:
            options["popsize"] = generation
        with seeded(self._seed()):
            self._search = cma.CMAEvolutionStrategy(centre, _STEP, options)

    def _seed(self) -> int:
        self._calls += 1
        return derive_seed(self._task.seed, self._calls, "cma")
