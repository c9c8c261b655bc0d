"""Circuits that users bring: uploaded, and removed again."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body
from fastapi.openapi.models import Example
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from ado_service.api.circuits import CircuitDetail, detail
from ado_service.api.documented import Responses, problems
from ado_service.api.routing import router
from ado_service.api.service import ServiceHere
from circuits.source import FILES_LIMIT

routes = router("/v1/circuits", "circuits")

_DIVIDER_YAML = """\
name: divider
title: Voltage divider
variables:
  - {name: r, unit: Ohm, low: 1k, high: 10k, scale: log, role: upper resistor}
testbenches:
  - {name: ac, netlist: ac.cir}
metrics:
  - {name: gain, unit: dB}
spec_sets:
  - name: typical
    specs:
      - {metric: gain, direction: ">", threshold: -6, norm: 6, weight: 1, penalty: -2}
"""
_DIVIDER = """\
* divider: the first line is a title
.param r=2k
v1 in 0 dc 1 ac 1
r1 in out {r}
r2 out 0 1k
.ac lin 1 1 1
.meas ac gain max vdb(out)
.end
"""
NEW_CIRCUITS: dict[str, Example] = {
    "divider": {
        "summary": "A voltage divider",
        "value": {"files": {"circuit.yaml": _DIVIDER_YAML, "ac.cir": _DIVIDER}},
    }
}
"""A request that uploads a circuit, for the OpenAPI description."""

_LOCATION = {"Location": {"description": "The version's address.", "schema": {"type": "string"}}}
_TAKEN: Responses = {
    200: {
        "description": "This very circuit was uploaded before.",
        "model": CircuitDetail,
        "headers": _LOCATION,
    },
    201: {"headers": _LOCATION},
}


class NewCircuit(BaseModel):
    """A circuit folder: `circuit.yaml` and its SPICE files."""

    model_config = ConfigDict(extra="forbid")

    files: dict[str, str] = Field(
        min_length=1,
        max_length=FILES_LIMIT,
        description="Text by path relative to the folder, `/` between folders; `circuit.yaml` is "
        "among them.",
    )


@routes.post(
    "",
    operation_id="uploadCircuit",
    summary="Upload a circuit",
    status_code=201,
    response_model=CircuitDetail,
    responses={**_TAKEN, **problems(409, 413, 415)},
)
def upload_circuit(
    service: ServiceHere,
    response: Response,
    circuit: Annotated[NewCircuit, Body(openapi_examples=NEW_CIRCUITS)],
) -> CircuitDetail:
    """Check a circuit, simulate its own sizes once, and keep it.

    Jobs can name it by its name, which then means this version, or by its content hash. All that
    is wrong with it is answered with file, line and cure.
    """
    record, created = service.uploads.take(circuit.files)
    shown = detail(record)
    response.headers["Location"] = shown.links.version
    if not created:
        response.status_code = 200
    return shown


@routes.delete(
    "/{name}",
    operation_id="deleteCircuit",
    summary="Remove an uploaded circuit",
    status_code=204,
    responses=problems(404, 409),
)
def delete_circuit(service: ServiceHere, name: str) -> None:
    """Forget a circuit, by content hash or, its latest version, by name; none that jobs sized."""
    service.uploads.remove(name)
