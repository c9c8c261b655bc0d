"""A job as the API shows and takes it."""

from __future__ import annotations

from datetime import datetime

from fastapi.openapi.models import Example
from pydantic import ConfigDict, Field

from ado_service.api.resource import Filters, Name, NextCursor, Resource
from ado_service.credit import Credit
from ado_service.job_config import JobConfig
from ado_service.store.job_record import BestDesign, JobState, WantedState

NEW_JOBS: dict[str, Example] = {
    "random": {
        "summary": "Six random designs: done in a second",
        "value": {
            "circuit": "two_stage_amplifier",
            "method": "random",
            "budget": 6,
            "initial": 3,
            "batch": 3,
        },
    },
    "gp-bo": {
        "summary": "Bayesian optimisation until every spec is met",
        "value": {
            "circuit": "two_stage_amplifier",
            "method": "gp-bo",
            "budget": 105,
            "seed": 1,
            "stop_when_feasible": True,
        },
    },
    "pareto": {
        "summary": "Trade-offs of power and bandwidth under the specs",
        "value": {
            "circuit": "two_stage_amplifier",
            "method": "gp-bo",
            "objective": "pareto:power-,gbw+",
        },
    },
    "ado-llm": {
        "summary": "ADO-LLM with an LLM profile that the server has, and specs of one's own",
        "value": {
            "circuit": "two_stage_amplifier",
            "method": "ado-llm",
            "llm": "default",
            "specs": [
                {
                    "metric": "gain",
                    "direction": ">",
                    "threshold": 60,
                    "norm": 60,
                    "weight": 1,
                    "penalty": -1,
                    "clip": 1.25,
                }
            ],
        },
    },
}
"""Requests that start a job, for the OpenAPI description."""


class Job(Resource):
    """A sizing job. `state` is where it stands, `wanted_state` what its user wants of it."""

    id: str
    circuit: str = Field(validation_alias="circuit_name")
    circuit_hash: str = Field(description="The version of the circuit that is sized.")
    config: JobConfig
    state: JobState
    wanted_state: WantedState
    simulations: int = Field(description="Designs simulated so far.")
    simulations_to_all_specs: int | None = Field(
        description="Simulations until a design met every spec; null if none has."
    )
    best: BestDesign | None = Field(
        description="The best design so far: feasible, then FOM, then nearest to its specs."
    )
    message: str = Field(description="Why it failed, or a note.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    version: int = Field(description="Counts the changes of the job and of all that belongs to it.")


class JobDetail(Job):
    """A job, and who found what in it."""

    credit: Credit = Field(
        description="Who found the best design and the first that met every spec, and what each "
        "proposer proposed, what was taken, simulated, and better than all rounds before."
    )


class JobPage(Resource):
    """Jobs, the newest first."""

    items: list[Job]
    next_cursor: NextCursor


class JobFilters(Filters):
    """Which jobs."""

    state: JobState | None = None
    circuit: Name | None = Field(default=None, description="Name of the circuit.")


class NewJob(JobConfig):
    """A job to be run: a circuit, and how it is to be sized."""

    circuit: str = Field(
        min_length=1,
        max_length=200,
        description="Name of a circuit, see GET /v1/circuits, or the content hash of a version.",
    )

    @property
    def config(self) -> JobConfig:
        """All but the circuit, as far as it was given."""
        return JobConfig.model_validate(self.model_dump(exclude={"circuit"}, exclude_unset=True))


class Wish(Resource):
    """What is wanted of a job."""

    model_config = ConfigDict(extra="forbid")

    wanted_state: WantedState
