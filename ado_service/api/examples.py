"""An example of each thing that is handed out, by the name of its schema."""

from __future__ import annotations

from typing import Any

_JOB = "job_k3v5q2m7x4a6b2dn"
_HASH = "40b4ad53eb5e9f80" * 4
_MOMENT = "2026-01-31T12:00:02Z"

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
    "model": "metrics",
    "warm_start": [],
    "stop_when_feasible": None,
    "time_limit": 30.0,
    "gating": "specs",
    "fast": False,
}
_JOB_EXAMPLE: dict[str, Any] = {
    "id": _JOB,
    "circuit": "two_stage_amplifier",
    "circuit_hash": _HASH,
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
_CREDIT: dict[str, Any] = {
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
_DESIGN: dict[str, Any] = {
    "id": 17,
    "job_id": _JOB,
    "circuit": "two_stage_amplifier",
    "index": 16,
    "round": 3,
    "stage": "gp",
    "proposer": "gp",
    "turn": None,
    "note": "",
    "state": "done",
    "values": {"w1": 1.2e-05, "l1": 2.4e-07, "c1": 1.1e-12, "r1": 2200.0},
    "metrics": {"gain": 66.4, "cmrr": 71.0, "gbw": 8.1e6, "pm": 61.2, "power": 2.7e-05},
    "corners": {},
    "skipped": [],
    "fom": 1.25,
    "specs_met": 4,
    "specs_total": 5,
    "feasible": False,
    "regions": {"mn1": "saturation"},
    "failure": None,
    "message": "",
    "seconds": 0.004,
    "simulator": "ngspice-39",
    "created_at": _MOMENT,
    "finished_at": _MOMENT,
}
_TURN: dict[str, Any] = {
    "job_id": _JOB,
    "turn": 0,
    "messages": [{"role": "user", "content": "Size the amplifier ..."}],
    "reply": '{"designs": []}',
    "failure": None,
    "detail": "",
    "calls": 1,
    "prompt_tokens": 2300,
    "completion_tokens": 410,
    "cost": 0.003,
    "seconds": 2.4,
    "model": "a-model",
    "profile": "default",
    "accepted": 1,
    "rejected": [],
    "created_at": _MOMENT,
}
_EVENT: dict[str, Any] = {
    "id": 12,
    "job_id": _JOB,
    "kind": "design",
    "data": {"design_id": 17, "index": 16, "fom": 1.25, "feasible": False},
    "created_at": _MOMENT,
}
_CIRCUIT: dict[str, Any] = {
    "name": "two_stage_amplifier",
    "title": "Two-stage differential amplifier",
    "technology": "generic90",
    "origin": "library",
    "hash": _HASH,
    "variables": 14,
    "metrics": ["gain", "cmrr", "gbw", "pm", "power"],
    "spec_sets": ["paper"],
}
_CIRCUIT_DETAIL: dict[str, Any] = {
    "name": "divider",
    "title": "Voltage divider",
    "origin": "upload",
    "hash": _HASH,
    "definition": {
        "name": "divider",
        "title": "Voltage divider",
        "variables": [{"name": "r", "unit": "Ohm", "low": 1000.0, "high": 10000.0}],
        "testbenches": [{"name": "ac", "netlist": "ac.cir"}],
        "metrics": [{"name": "gain", "unit": "dB"}],
        "spec_sets": [
            {
                "name": "typical",
                "specs": [
                    {
                        "metric": "gain",
                        "direction": ">",
                        "threshold": -6.0,
                        "norm": 6.0,
                        "weight": 1.0,
                        "penalty": -2.0,
                    }
                ],
            }
        ],
        "files": {"ac.cir": "* divider\n..."},
    },
    "starting": {
        "values": {"r": 2000.0},
        "metrics": {"gain": -9.542425},
        "failure": None,
        "message": "",
        "simulator": "ngspice-39",
    },
    "links": {"version": f"/v1/circuits/{_HASH}", "jobs": "/v1/jobs?circuit=divider"},
}
_SUMMARY: dict[str, Any] = {
    "job_id": _JOB,
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
        "variables": _DESIGN["values"],
        "metrics": _DESIGN["metrics"],
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
    "credit": {**_CREDIT, "first_feasible_by": "gp"},
    "pareto": None,
}
_PARETO: dict[str, Any] = {
    "objective": "pareto:power-,gbw+",
    "axes": [{"metric": "power", "direction": "<"}, {"metric": "gbw", "direction": ">"}],
    "size": 1,
    "items": [{**_DESIGN, "specs_met": 5, "feasible": True, "fom": 3.4}],
    "next_cursor": None,
}
_PROBLEM: dict[str, Any] = {
    "type": "urn:problem-type:ado:invalid-request",
    "title": "Unprocessable Content",
    "status": 422,
    "detail": "the request is not valid: see errors",
    "errors": [
        {
            "location": "body",
            "pointer": "/budget",
            "detail": "Input should be greater than or equal to 1",
        }
    ],
}

EXAMPLES: dict[str, dict[str, Any]] = {
    "CircuitEntry": _CIRCUIT,
    "CircuitPage": {"items": [_CIRCUIT], "next_cursor": None},
    "CircuitDetail": _CIRCUIT_DETAIL,
    "Job": _JOB_EXAMPLE,
    "JobDetail": {**_JOB_EXAMPLE, "credit": _CREDIT},
    "JobPage": {"items": [_JOB_EXAMPLE], "next_cursor": None},
    "JobSummary": _SUMMARY,
    "Design": _DESIGN,
    "DesignPage": {"items": [_DESIGN], "next_cursor": None},
    "ParetoFront": _PARETO,
    "Turn": _TURN,
    "Transcript": {"items": [_TURN], "next_cursor": None},
    "Event": _EVENT,
    "EventPage": {"items": [_EVENT], "last_id": 12, "complete": False},
    "Wish": {"wanted_state": "pause"},
    "Alive": {"status": "alive", "version": "0.1.0"},
    "Ready": {"status": "ready", "checks": {"database": "ok", "ngspice": "ok", "worker": "ok"}},
    "Problem": _PROBLEM,
}
