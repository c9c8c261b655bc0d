"""A design, and a front of them."""

from __future__ import annotations

from typing import Any

from ado_service.api.examples.known import JOB_ID, MOMENT

DESIGN: dict[str, Any] = {
    "id": 17,
    "job_id": JOB_ID,
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
    "created_at": MOMENT,
    "finished_at": MOMENT,
}

PARETO: dict[str, Any] = {
    "objective": "pareto:power-,gbw+",
    "axes": [{"metric": "power", "direction": "<"}, {"metric": "gbw", "direction": ">"}],
    "size": 1,
    "items": [{**DESIGN, "specs_met": 5, "feasible": True, "fom": 3.4}],
    "next_cursor": None,
}
