"""What a finished job came to."""

from __future__ import annotations

from typing import Any

from ado_service.api.examples.design import DESIGN
from ado_service.api.examples.job import CREDIT
from ado_service.api.examples.known import JOB_ID

SUMMARY: dict[str, Any] = {
    "job_id": JOB_ID,
    "circuit": "two_stage_amplifier",
    "method": "gp-bo",
    "objective": "fom",
    "state": "finished",
    "message": "",
    "simulations": 105,
    "cached": 0,
    "simulations_to_all_specs": 62,
    "best": {
        "design_id": 66,
        "index": 61,
        "variables": DESIGN["values"],
        "metrics": DESIGN["metrics"],
        "fom": 3.4,
        "specs_met": 5,
        "specs_total": 5,
        "feasible": True,
    },
    "rounds": 20,
    "seconds": {"total": 61.0, "simulate": 1.1, "propose": 59.2, "llm": 0.0},
    "llm": {
        "profile": None,
        "calls": 0,
        "tokens": 0,
        "cost": 0.0,
        "accepted": 0,
        "rejected": 0,
    },
    "credit": {**CREDIT, "first_feasible_by": "gp"},
    "pareto": None,
}
