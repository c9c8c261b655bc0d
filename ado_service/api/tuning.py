"""A tuning as the API shows and takes it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi.openapi.models import Example
from pydantic import BeforeValidator, ConfigDict, Field

from ado_service.api.resource import Filters, NextCursor, Resource, utf8
from ado_service.store.tuning_config import TuningConfig
from ado_service.store.tuning_record import TuningMetrics, TuningState, WantedTuning

NEW_TUNINGS: dict[str, Example] = {
    "qst": {
        "summary": "A side network for the embedded model, on every finished job of a circuit",
        "value": {"model": "local", "sources": ["two_stage_amplifier"], "name": "local-two-stage"},
    },
    "qlora": {
        "summary": "QLoRA with gradient checkpointing, on two jobs",
        "value": {
            "model": "local",
            "sources": ["job_k3v5q2m7x4a6b2dn", "job_7c2kq5xw3n4r6t2b"],
            "method": "qlora",
            "checkpointing": True,
            "steps": 500,
        },
    },
}
"""Requests that start a tuning, for the OpenAPI description."""


class Tuning(Resource):
    """A tuning. `state` is where it stands, `wanted_state` what its user wants of it."""

    id: str
    name: str = Field(description="Of the tuned model, see GET /v1/models once it is completed.")
    config: TuningConfig
    state: TuningState
    wanted_state: WantedTuning
    step: int = Field(description="Steps that are done, of `config.steps`.")
    loss: float | None = Field(description="Of the last steps, smoothed; nats a token.")
    metrics: TuningMetrics | None = Field(
        description="The model on held-out examples before and after; null before the end."
    )
    message: str = Field(description="Why it failed or waits, or what it does now.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    version: int = Field(description="Counts the changes of the tuning.")


class TuningPage(Resource):
    """Tunings, the newest first."""

    items: list[Tuning]
    next_cursor: NextCursor


class TuningFilters(Filters):
    """Which tunings."""

    state: TuningState | None = None


class NewTuning(TuningConfig):
    """A tuning to be run: a model on record, designs on record, and how."""

    name: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="Of the tuned model; left out: made of the model's and the method's.",
    )

    @property
    def config(self) -> TuningConfig:
        """All but the name, as far as it was given."""
        given = self.model_dump(exclude={"name"}, exclude_unset=True)
        return TuningConfig.model_validate(given)


class TuningWish(Resource):
    """What is wanted of a tuning."""

    model_config = ConfigDict(extra="forbid")

    wanted_state: WantedTuning


class TuningEventShown(Resource):
    """Something that happened to a tuning."""

    id: int = Field(description="Increasing within a tuning.")
    tuning_id: str
    kind: str = Field(description="created, state, wanted_state, progress, note.")
    data: Annotated[dict[str, Any], BeforeValidator(utf8)] = Field(description="By kind.")
    created_at: datetime


class TuningEventPage(Resource):
    """Events in their order."""

    items: list[TuningEventShown]
    last_id: int = Field(description="Ask for what comes after this one next.")
    complete: bool = Field(description="Whether the tuning has ended and no event is left.")
