"""A job under way, what it found, and what happened to it."""

from __future__ import annotations

from typing import Any

from ado_service.api.examples.known import CIRCUIT_HASH, JOB_ID, MOMENT

_CONFIG: dict[str, Any] = {
    "spec_set": None,
    "specs": None,
    "objective": "specs",
    "budget": 105,
    "initial": 5,
    "batch": 5,
    "seed": 1,
    "method": "gp-bo",
    "llm": None,
    "replay": None,
    "demonstrations": "top",
    "top_k": 5,
    "start": "auto",
    "llm_share": "adaptive",
    "candidates": 1,
    "model": "metrics",
    "warm_start": [],
    "stop_when_feasible": None,
    "time_limit": 30.0,
    "gating": "specs",
    "fast": False,
}

JOB: dict[str, Any] = {
    "id": JOB_ID,
    "circuit": "two_stage_amplifier",
    "circuit_hash": CIRCUIT_HASH,
    "config": _CONFIG,
    "state": "running",
    "wanted_state": "run",
    "simulations": 30,
    "simulations_to_all_specs": None,
    "best": {
        "design_id": 17,
        "index": 16,
        "fom": 1.25,
        "specs_met": 4,
        "specs_total": 5,
        "feasible": False,
    },
    "message": "",
    "created_at": "2026-01-31T12:00:00Z",
    "started_at": "2026-01-31T12:00:01Z",
    "finished_at": None,
    "version": 64,
}

CREDIT: dict[str, Any] = {
    "best_by": "gp",
    "first_feasible_by": None,
    "proposers": [
        {
            "proposer": "gp",
            "proposed": 25,
            "accepted": 25,
            "rejected": 0,
            "simulated": 25,
            "feasible": 0,
            "improved": 7,
        },
        {
            "proposer": "random",
            "proposed": 5,
            "accepted": 5,
            "rejected": 0,
            "simulated": 5,
            "feasible": 0,
            "improved": 0,
        },
    ],
}

EVENT: dict[str, Any] = {
    "id": 12,
    "job_id": JOB_ID,
    "kind": "design",
    "data": {"design_id": 17, "index": 16, "fom": 1.25, "feasible": False},
    "created_at": MOMENT,
}
