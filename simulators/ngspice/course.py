"""What came out of a design so far, on its way through the stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from simulators.gating import Step
from simulators.ngspice.job import BenchNumbers, BenchReply
from simulators.result import FailureKind


@dataclass(slots=True)
class Course:
    """A design's way through its stages.

    Attributes:
        tasks: what was asked for, by step.
        replies: what came out; the steps after a netlist that ngspice refused have none.
        skipped: steps that the design was not worth.
        stopped_by: the metrics that decided so.
        seconds: wall time of it all.
    """

    tasks: dict[Step, BenchNumbers] = field(default_factory=dict)
    replies: dict[Step, BenchReply] = field(default_factory=dict)
    skipped: tuple[Step, ...] = ()
    stopped_by: tuple[str, ...] = ()
    seconds: float = 0.0

    def add(
        self, steps: Sequence[Step], tasks: Sequence[BenchNumbers], replies: Sequence[BenchReply]
    ) -> None:
        """A stage was simulated."""
        self.tasks.update(zip(steps, tasks, strict=True))
        self.replies.update(zip(steps, replies, strict=False))

    @property
    def refused(self) -> bool:
        """Whether ngspice could not read a netlist; it will not in a later stage either."""
        if len(self.replies) < len(self.tasks):
            return True
        bad = FailureKind.BAD_NETLIST
        return any(reply["failure"] == bad for reply in self.replies.values())
