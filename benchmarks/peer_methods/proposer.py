"""Our own proposers as methods of the comparison."""

from __future__ import annotations

from collections.abc import Sequence

from ado_service.loop import derive_seed
from ado_service.proposers.protocol import History, Proposer
from benchmarks.peer_methods.protocol import Point, Task, Trial


class ProposerMethod:
    """A proposer with the history and the seeds that a job's loop would give it.

    A run is therefore the job `gp-bo` of the same seed with a random start and gating `none`,
    design by design.
    """

    def __init__(self, task: Task, proposer: Proposer) -> None:
        self._task = task
        self._proposer = proposer
        self._history = History(task.circuit, task.specs)
        self._round = 0

    def suggest(self, n: int) -> list[Point]:
        """What the proposer proposes next; it may be less than `n`."""
        self._round += 1
        seed = derive_seed(self._task.seed, self._round, "gp")
        proposals = self._proposer.propose(self._history, n, seed)
        return [tuple(self._task.circuit.to_unit(one.values)) for one in proposals]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Lengthens the history."""
        seen = (*self._history.observations, *(trial.observation for trial in trials))
        self._history = History(self._task.circuit, self._task.specs, seen)
