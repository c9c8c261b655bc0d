"""Designs of earlier jobs once more: the best of them under the present specs."""

from __future__ import annotations

from itertools import islice

from ado_service.proposers.protocol import History, Observation, Proposal
from ado_service.proposers.screening import Screen

APART = 0.05
"""Least distance of two of them in some coordinate of the unit cube.

The best designs of a search crowd round its last optimum: simulating four of one crowd says no
more than one of them does. A twentieth of an axis is where metrics begin to differ.
"""


def known_before(history: History, most: int) -> list[Observation]:
    """Prior designs that a model may learn from: those that this job has not simulated itself.

    Args:
        history: with the prior designs.
        most: how many at most; the first ones, which are the best.
    """
    screen = Screen(history.circuit, (one.values for one in history.observations))
    found = (one for one in history.prior if screen.take(one.values) is not None)
    return list(islice(found, most))


class PriorProposer:
    """The best distinct designs of `History.prior`, to be simulated again in this job.

    Use it for initial designs of a job that starts from others: what it proposes was measured
    under other specs, or with another version of the circuit, and has to hold in this one.
    """

    name = "prior"

    def propose(self, history: History, n: int, seed: int) -> list[Proposal]:
        """Up to `n` prior designs, the best first (see `Proposer`); the seed is not used.

        Fewer when there are not so many that are apart from each other and from what is known.
        """
        del seed
        seen = (one.values for one in history.observations)
        screen = Screen(history.circuit, [*seen, *history.pending], same=APART)
        taken: list[Proposal] = []
        # Sorting is stable: of designs that are equal in rank the earlier comes first.
        for one in sorted(history.prior, key=lambda one: one.verdict.rank, reverse=True):
            if len(taken) == n:
                break
            values = screen.take(one.values)
            if values is not None:
                taken.append(Proposal(values, self.name, note="of an earlier job"))
        return taken
