"""A tuning, and what happened to it."""

from __future__ import annotations

from typing import Any

from ado_service.api.examples.known import JOB_ID, MOMENT

TUNING: dict[str, Any] = {
    "id": "tuning_k3v5q2m7x4a6b2dn",
    "name": "local-two-stage",
    "config": {
        "model": "local",
        "sources": [JOB_ID],
        "method": "qst",
        "quantization": "none",
        "steps": 200,
        "batch": 4,
        "rate": None,
        "rank": 16,
        "reduction": 16,
        "downsampler": "adapter",
        "checkpointing": False,
        "seed": 1,
        "save_every": 50,
        "trials": 8,
    },
    "state": "completed",
    "wanted_state": "run",
    "step": 200,
    "loss": 0.31,
    "metrics": {
        "data": {
            "circuits": ["two_stage_amplifier"],
            "jobs": 1,
            "designs": 105,
            "answers": 97,
            "held_out": {"designs": 10},
            "held_out_circuit": None,
        },
        "before": {
            "loss": {"designs": 0.58},
            "mean_loss": 0.58,
            "answers": 32,
            "valid": 1.0,
            "simulated": 32,
            "better": 0.25,
        },
        "after": {
            "loss": {"designs": 0.33},
            "mean_loss": 0.33,
            "answers": 32,
            "valid": 1.0,
            "simulated": 32,
            "better": 0.5,
        },
        "trained": 512345,
        "seconds": 61.0,
    },
    "message": "",
    "created_at": "2026-01-31T12:00:00Z",
    "started_at": "2026-01-31T12:00:01Z",
    "finished_at": MOMENT,
    "version": 24,
}

TUNING_EVENT: dict[str, Any] = {
    "id": 12,
    "tuning_id": "tuning_k3v5q2m7x4a6b2dn",
    "kind": "progress",
    "data": {"step": 120, "steps": 200, "loss": 0.42, "seconds": 37.2},
    "created_at": MOMENT,
}
