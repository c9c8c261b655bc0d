"""An example of each thing that is handed out, by the name of its schema."""

from __future__ import annotations

from typing import Any

from ado_service.api.examples.circuit import CIRCUIT, CIRCUIT_DETAIL
from ado_service.api.examples.design import DESIGN, PARETO
from ado_service.api.examples.job import CREDIT, EVENT, JOB
from ado_service.api.examples.problem import PROBLEM
from ado_service.api.examples.summary import SUMMARY
from ado_service.api.examples.tuning import TUNING, TUNING_EVENT
from ado_service.api.examples.turn import TURN

__all__ = ["EXAMPLES"]

EXAMPLES: dict[str, dict[str, Any]] = {
    "CircuitEntry": CIRCUIT,
    "CircuitPage": {"items": [CIRCUIT], "next_cursor": None},
    "CircuitDetail": CIRCUIT_DETAIL,
    "Job": JOB,
    "JobDetail": {**JOB, "credit": CREDIT},
    "JobPage": {"items": [JOB], "next_cursor": None},
    "JobSummary": SUMMARY,
    "Design": DESIGN,
    "DesignPage": {"items": [DESIGN], "next_cursor": None},
    "ParetoFront": PARETO,
    "Turn": TURN,
    "Transcript": {"items": [TURN], "next_cursor": None},
    "Event": EVENT,
    "EventPage": {"items": [EVENT], "last_id": 12, "complete": False},
    "Wish": {"wanted_state": "pause"},
    "Tuning": TUNING,
    "TuningPage": {"items": [TUNING], "next_cursor": None},
    "TuningWish": {"wanted_state": "cancel"},
    "TuningEventShown": TUNING_EVENT,
    "TuningEventPage": {"items": [TUNING_EVENT], "last_id": 12, "complete": False},
    "Alive": {"status": "alive", "version": "0.1.0"},
    "Ready": {"status": "ready", "checks": {"database": "ok", "ngspice": "ok", "worker": "ok"}},
    "Problem": PROBLEM,
}
