"""Circuits: those of the library, those that users uploaded, those that jobs brought along."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field
from starlette.responses import Response

from ado_service.api.documented import not_modified, problems
from ado_service.api.etag import IfNoneMatch, etag, headers, unchanged
from ado_service.api.resource import Filters, NextCursor, Resource
from ado_service.api.routing import router
from ado_service.api.service import StoreHere
from ado_service.store.circuit_record import CircuitRecord, StartingDesign
from ado_service.store.cursor import Position, decode, encode
from ado_service.store.store import Store
from circuits.definition import Circuit
from circuits.loader import library_names, load_circuit

routes = router("/v1/circuits", "circuits")

Origin = Literal["library", "upload", "record"]
_LISTING = "circuits"


class CircuitEntry(Resource):
    """A circuit in short."""

    name: str
    title: str
    technology: str
    origin: Origin = Field(
        description="Comes with the service, was uploaded, or was put on record by a job."
    )
    hash: str = Field(description="Of all that defines it, netlists included.")
    variables: int = Field(description="How many there are to size.")
    metrics: list[str]
    spec_sets: list[str]


class CircuitPage(Resource):
    """Circuits by name."""

    items: list[CircuitEntry]
    next_cursor: NextCursor


class CircuitLinks(Resource):
    """Where to go on from a circuit."""

    version: str = Field(description="The address of just this version, by its content hash.")
    jobs: str = Field(description="The jobs of all circuits of this name.")


class CircuitDetail(Resource):
    """A circuit with all that defines it."""

    name: str
    title: str
    origin: Origin
    hash: str
    definition: Circuit = Field(
        description="Variables, metrics, spec sets, testbenches, and under `files` every netlist "
        "and model card."
    )
    starting: StartingDesign | None = Field(
        description="What its own sizes came to when it was uploaded; null for other circuits."
    )
    links: CircuitLinks


@routes.get(
    "",
    operation_id="listCircuits",
    summary="List circuits",
    response_model=CircuitPage,
    responses=problems(),
)
def list_circuits(store: StoreHere, filters: Annotated[Filters, Query()]) -> CircuitPage:
    """Every circuit that a job can name, the latest version of each."""
    last = "" if filters.cursor is None else str(decode(filters.cursor, _LISTING).id)
    behind = [entry for entry in _entries(store) if entry.name > last]
    shown = behind[: filters.limit]
    more = len(behind) > len(shown)
    return CircuitPage(
        items=shown,
        next_cursor=encode(_LISTING, Position(None, shown[-1].name)) if more else None,
    )


@routes.get(
    "/{name}",
    operation_id="getCircuit",
    summary="Look at a circuit",
    response_model=CircuitDetail,
    responses={**not_modified(), **problems(404)},
)
def get_circuit(
    store: StoreHere, response: Response, name: str, if_none_match: IfNoneMatch = None
) -> CircuitDetail | Response:
    """Definition, variables, spec sets and netlists of a circuit, by name or content hash."""
    shown = _find(store, name)
    tag = etag(f"{shown.hash}-{shown.origin}")
    response.headers.update(headers(tag))
    return unchanged(tag, if_none_match) or shown


def detail(record: CircuitRecord) -> CircuitDetail:
    """A circuit on record as it is shown."""
    return _detail(_origin(record), record.definition, record.starting)


def _find(store: Store, name: str) -> CircuitDetail:
    """The circuit that a job of this name, or content hash, would size."""
    if name in _library():
        return _detail("library", _library()[name])
    return detail(store.circuits.find(name))


def _detail(
    origin: Origin, circuit: Circuit, starting: StartingDesign | None = None
) -> CircuitDetail:
    digest = circuit.content_hash
    return CircuitDetail(
        name=circuit.name,
        title=circuit.title,
        origin=origin,
        hash=digest,
        definition=circuit,
        starting=starting,
        links=CircuitLinks(
            version=f"/v1/circuits/{digest}", jobs=f"/v1/jobs?circuit={circuit.name}"
        ),
    )


def _origin(record: CircuitRecord) -> Origin:
    return "record" if record.uploaded_at is None else "upload"


def _entries(store: Store) -> list[CircuitEntry]:
    newest = store.circuits.newest()
    found = {record.name: _entry(_origin(record), record.definition) for record in newest}
    found |= {name: _entry("library", circuit) for name, circuit in _library().items()}
    return [found[name] for name in sorted(found)]


def _entry(origin: Origin, circuit: Circuit) -> CircuitEntry:
    return CircuitEntry(
        name=circuit.name,
        title=circuit.title,
        technology=circuit.technology,
        origin=origin,
        hash=circuit.content_hash,
        variables=len(circuit.variables),
        metrics=[metric.name for metric in circuit.metrics],
        spec_sets=[specs.name for specs in circuit.spec_sets],
    )


@cache
def _library() -> dict[str, Circuit]:
    """The library, read once: it is part of the program."""
    return {name: load_circuit(name) for name in library_names()}
