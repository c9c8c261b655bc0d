"""HEBO (Cowen-Rivers et al., JAIR 2022): warped GP and an ensemble of acquisitions (MACE).

HEBO 0.3.6 declares numpy<1.25 and pymoo==0.6.0, so that pip does not put it beside our numpy. It
works with ours all the same: `pip install --no-deps HEBO==0.3.6` after the extra `bench`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from unittest.mock import patch

import numpy as np
import pandas as pd
from hebo.acq_optimizers import evolution_optimizer
from hebo.design_space.design_space import DesignSpace
from hebo.optimizers.hebo import HEBO
from pymoo.optimize import minimize

from ado_service.loop import derive_seed
from benchmarks.peer_methods.protocol import Point, Task, Trial
from benchmarks.peer_methods.seeded import seeded


class HeboMethod:
    """HEBO's own settings; it minimises, so it is told the negative FOM."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._names = [f"x{place:02d}" for place in range(task.dimension)]
        axes = [{"name": name, "type": "num", "lb": 0.0, "ub": 1.0} for name in self._names]
        self._calls = 0
        with seeded(self._seed()):
            space = DesignSpace().parse(axes)
            self._search = HEBO(space, scramble_seed=task.seed % 2**31)

    def suggest(self, n: int) -> list[Point]:
        """`n` points of the front of its acquisitions."""
        seed = self._seed()
        # HEBO does not hand its evolutionary search's own seed on.
        search = partial(minimize, seed=seed % 2**32)
        with seeded(seed), patch.object(evolution_optimizer, "minimize", search):
            found = self._search.suggest(n_suggestions=n)
        rows = found[self._names].to_numpy(dtype=float)
        return [tuple(row) for row in np.clip(rows, 0.0, 1.0).tolist()]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Observes all, initial ones too."""
        points = pd.DataFrame([trial.point for trial in trials], columns=self._names)
        self._search.observe(points, np.array([[-trial.fom] for trial in trials]))

    def _seed(self) -> int:
        self._calls += 1
        return derive_seed(self._task.seed, self._calls, "hebo")
