"""A tuning as it stands in the design database."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from ado_service.store.record import Record
from ado_service.store.tuning_config import TuningConfig


class TuningState(StrEnum):
    """Where a tuning stands.

        queued -> running -> completed | failed | cancelled
          ^         |                      |
          +---------+----------------------+

    It comes back to the queue when it is handed back, when its runner was lost, and when a failed
    one is wanted to run again: it goes on from its last checkpoint. A tuning that nobody runs is
    cancelled at once. Completed and cancelled ones never change.
    """

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether it has come to its end."""
        return self not in {TuningState.QUEUED, TuningState.RUNNING}


class WantedTuning(StrEnum):
    """What the user wants of a tuning; its runner looks twice a second."""

    RUN = "run"
    CANCEL = "cancel"


class TuningData(Record):
    """What a tuning learned from.

    Attributes:
        circuits: their names.
        jobs: how many jobs the designs are from.
        designs: different ones. answers: those of them that were measured in full.
        held_out: how many held-out examples there are, by what was held out: `designs`,
            `spec_sets`, `circuits`.
        held_out_circuit: the circuit that training never saw; None where there is only one.
    """

    circuits: tuple[str, ...]
    jobs: int
    designs: int
    answers: int
    held_out: dict[str, int]
    held_out_circuit: str | None = None


class Evaluation(Record):
    """How good a model is on what was held out.

    Attributes:
        loss: mean cross entropy of the answers' tokens, nats, by what was held out.
        mean_loss: over all held-out examples.
        answers: how many answers were sampled, at temperature 1.
        valid: share of them that the agent reads without a problem; None without answers.
        simulated: how many of them were simulated.
        better: share of the simulated ones that outrank the best of their demonstrations under
            the specs that were asked for; None without any.
    """

    loss: dict[str, float]
    mean_loss: float
    answers: int = 0
    valid: float | None = None
    simulated: int = 0
    better: float | None = None


class TuningMetrics(Record):
    """What a tuning came to.

    Attributes:
        data: what it learned from.
        before, after: the model on what was held out.
        trained: how many parameters were trained.
        seconds: of training.
    """

    data: TuningData
    before: Evaluation
    after: Evaluation
    trained: int = Field(ge=1)
    seconds: float = Field(ge=0)


class TuningRecord(Record):
    """A tuning.

    Attributes:
        id: opaque, such as `tuning_k3v5...`.
        name: that the tuned model gets.
        config: what was asked for.
        state: where it stands. wanted_state: what the user wants.
        step: steps that are done. loss: of the last ones, smoothed; None before the first.
        metrics: what it came to; None before its end.
        message: why it failed or waits, or what it does now; names no file.
        detail: the same with the files of the machine; empty where there are none to name.
        created_at, started_at, finished_at: UTC.
        version: counts the changes.
    """

    id: str
    name: str
    config: TuningConfig
    state: TuningState
    wanted_state: WantedTuning
    step: int
    loss: float | None
    metrics: TuningMetrics | None
    message: str
    detail: str = ""
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    version: int


class TuningEvent(Record):
    """An entry of a tuning's append-only log.

    Attributes:
        id: increasing; a reader who asks for ids beyond the last one misses none.
        tuning_id: the tuning.
        kind: `created`, `state`, `wanted_state`, `progress` or `note`.
        data: what is to be said, by kind.
        created_at: UTC.
    """

    id: int
    tuning_id: str
    kind: str
    data: dict[str, Any]
    created_at: datetime
