"""Optuna's tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011; Watanabe 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna

from benchmarks.peer_methods.protocol import Point, Task, Trial, pessimistic


class OptunaMethod:
    """Optuna's default sampler, its own settings for running side by side (constant liar) on.

    Args:
        task: to solve.
        constrained: whether the specs are told as constraints too; Optuna then ranks trials that
            meet none by how much they violate (c-TPE's ranking), and the FOM counts after that.
    """

    def __init__(self, task: Task, *, constrained: bool = False) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        sampler = optuna.samplers.TPESampler(seed=task.seed % 2**32, constant_liar=True)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._names = [f"x{place:02d}" for place in range(task.dimension)]
        self._constrained = constrained
        self._open: list[Any] = []
        self._trials: list[Trial] = []

    def suggest(self, n: int) -> list[Point]:
        """`n` points, each asked for while those before it are under way."""
        self._open = [self._study.ask() for _ in range(n)]
        return [
            tuple(trial.suggest_float(name, 0.0, 1.0) for name in self._names)
            for trial in self._open
        ]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Finishes the open trials; points that Optuna did not ask for are added as its own."""
        self._trials += trials
        constraints = self._constraints(len(trials))
        for place, (trial, limits) in enumerate(zip(trials, constraints, strict=True)):
            if self._open:
                for name, value in limits.items():
                    self._open[place].set_constraint(name, value)
                self._study.tell(self._open[place], trial.fom)
            else:
                self._study.add_trial(self._given(trial, limits))
        self._open = []

    def _constraints(self, count: int) -> list[dict[str, float]]:
        """By name, those of the last `count` trials; empty where they are not told."""
        if not self._constrained:
            return [{} for _ in range(count)]
        rows = pessimistic(self._trials)[-count:].tolist()
        return [{f"spec{place}": one for place, one in enumerate(row)} for row in rows]

    def _given(self, trial: Trial, constraints: dict[str, float]) -> Any:
        axis = optuna.distributions.FloatDistribution(0.0, 1.0)
        return optuna.trial.create_trial(
            params=dict(zip(self._names, trial.point, strict=True)),
            distributions=dict.fromkeys(self._names, axis),
            value=trial.fom,
            constraints=constraints or None,
        )
