"""The tables of the design database."""

from __future__ import annotations

from ado_service.store.tables.circuit import circuits
from ado_service.store.tables.design import design_metrics, designs, pareto_designs
from ado_service.store.tables.job import events, idempotency_keys, jobs, transcripts
from ado_service.store.tables.model import models
from ado_service.store.tables.result import simulation_results
from ado_service.store.tables.schema import metadata
from ado_service.store.tables.tuning import tuning_events, tunings

__all__ = [
    "circuits",
    "design_metrics",
    "designs",
    "events",
    "idempotency_keys",
    "jobs",
    "metadata",
    "models",
    "pareto_designs",
    "simulation_results",
    "transcripts",
    "tuning_events",
    "tunings",
]
