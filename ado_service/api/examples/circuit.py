"""A circuit of the library, and an uploaded one in detail."""

from __future__ import annotations

from typing import Any

from ado_service.api.examples.known import CIRCUIT_HASH

CIRCUIT: dict[str, Any] = {
    "name": "two_stage_amplifier",
    "title": "Two-stage differential amplifier",
    "technology": "generic90",
    "origin": "library",
    "hash": CIRCUIT_HASH,
    "variables": 14,
    "metrics": ["gain", "cmrr", "gbw", "pm", "power"],
    "spec_sets": ["paper"],
}

CIRCUIT_DETAIL: dict[str, Any] = {
    "name": "divider",
    "title": "Voltage divider",
    "origin": "upload",
    "hash": CIRCUIT_HASH,
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
    "links": {"version": f"/v1/circuits/{CIRCUIT_HASH}", "jobs": "/v1/jobs?circuit=divider"},
}
