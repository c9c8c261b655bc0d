"""A job as it stands in the design database."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import model_validator

from ado_service.job_config import JobConfig
from ado_service.store.record import Record


class JobState(StrEnum):
    """Where a job stands.

        queued -> running -> finished | failed | cancelled
          ^         |  ^
          |         v  |  (a lost runner's job is claimed again, without leaving `running`)
        paused <----+

    A queued or paused job that is cancelled is cancelled at once. Ended jobs never change.
    """

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether the job has come to its end."""
        return self in {JobState.FINISHED, JobState.FAILED, JobState.CANCELLED}


class WantedState(StrEnum):
    """What the user wants of a job; its runner looks twice a second."""

    RUN = "run"
    PAUSE = "pause"
    CANCEL = "cancel"


def known_shortfall(shortfall: float | None, missed: int) -> float:
    """A design's shortfall; of one from before it was kept the largest that it can be."""
    return float(missed) if shortfall is None else shortfall


class BestDesign(Record):
    """The best design of a job so far: feasible first, then FOM, then the nearest to its specs.

    On a tie in all of these, it is the one of lower index.

    Attributes:
        shortfall: how far it is from its specs, dimensionless, see `circuits.shortfall`.
    """

    design_id: int
    index: int
    fom: float
    specs_met: int
    specs_total: int
    feasible: bool
    shortfall: float = 0.0

    @model_validator(mode="before")
    @classmethod
    def _of_before(cls, fields: Any) -> Any:
        """A record of before it was kept has none."""
        if isinstance(fields, dict) and "shortfall" not in fields:
            missed = fields.get("specs_total", 0) - fields.get("specs_met", 0)
            return {**fields, "shortfall": known_shortfall(None, missed)}
        return fields


class JobRecord(Record):
    """A job.

    Attributes:
        id: opaque, such as `job_k3v5...`.
        circuit_name, circuit_hash: the circuit, and the version of it that is sized.
        config: what was asked for.
        state: where it stands. wanted_state: what the user wants.
        simulations: how many designs were simulated.
        best: the best of them; None before the first one with a figure of merit.
        simulations_to_all_specs: lowest position (index + 1) of a feasible design; None if none.
        message: why it failed, or a note for the user.
        created_at, started_at, finished_at: UTC.
        version: counts the changes of the job, its designs and its transcripts.
    """

    id: str
    circuit_name: str
    circuit_hash: str
    config: JobConfig
    state: JobState
    wanted_state: WantedState
    simulations: int
    best: BestDesign | None
    simulations_to_all_specs: int | None
    message: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    version: int
