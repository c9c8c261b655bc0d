"""The right to write to a job."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lease:
    """Who runs a job.

    Attributes:
        job_id: the job.
        owner: name of the runner.
        epoch: counts the claims of the job, so that a runner that was away too long and comes
            back under the same name is told from the one that took over.
    """

    job_id: str
    owner: str
    epoch: int
