"""Ax with its default generation strategy, as its client chooses it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence

from ax.api.client import Client
from ax.api.configs import RangeParameterConfig
from ax.utils.common.logger import set_ax_logger_levels

from ado_service.loop import derive_seed
from benchmarks.peer_methods.protocol import Point, Task, Trial
from benchmarks.peer_methods.seeded import seeded

_METRIC = "fom"


class AxMethod:
    """Ax's client, nothing configured but the search space and the objective."""

    def __init__(self, task: Task) -> None:
        set_ax_logger_levels(logging.ERROR)
        self._task = task
        self._names = [f"x{place:02d}" for place in range(task.dimension)]
        self._client = Client(random_seed=task.seed % 2**31)
        self._client.configure_experiment(
            parameters=[
                RangeParameterConfig(name=name, bounds=(0.0, 1.0), parameter_type="float")
                for name in self._names
            ]
        )
        self._client.configure_optimization(objective=_METRIC)
        self._open: list[int] = []
        self._calls = 0

    def suggest(self, n: int) -> list[Point]:
        """`n` trials at once, as Ax hands them to machines that run side by side."""
        self._calls += 1
        with (
            seeded(derive_seed(self._task.seed, self._calls, "ax")),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # of numerics, and of its own later releases
            found = self._client.get_next_trials(max_trials=n)
        self._open = list(found)
        return [tuple(float(trial[name]) for name in self._names) for trial in found.values()]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Completes the open trials; points that Ax did not ask for are attached."""
        for place, trial in enumerate(trials):
            if self._open:
                index = self._open[place]
            else:
                named = dict(zip(self._names, trial.point, strict=True))
                index = self._client.attach_trial(parameters=named)
            self._client.complete_trial(trial_index=index, raw_data={_METRIC: trial.fom})
        self._open = []
