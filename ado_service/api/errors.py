"""What goes wrong, and the status it is answered with: all of it in this one place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, get_args

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ado_service.api.last_resort import internal_error
from ado_service.api.problem import CircuitFinding, InvalidField, Place, ProblemError, invalid
from ado_service.api.routing import allowed_methods
from ado_service.jobs.asked import SubmissionError
from ado_service.jobs.browsing import UnknownNameError
from ado_service.jobs.upload import LibraryNameError, UploadsBusyError
from ado_service.store import errors as store
from circuits.errors import CircuitError
from circuits.mistakes import mistakes
from simulators.ngspice.errors import SimulatorError

_log = structlog.get_logger(__name__)
_RETRY_SECONDS = "5"


class _Answer(NamedTuple):
    status: int
    kind: str
    location: Place | None = None
    pointer: str = ""


_STORE_ERRORS: dict[type[Exception], _Answer] = {
    store.NotFound: _Answer(404, "not-found"),
    store.AlreadyExists: _Answer(409, "already-exists"),
    store.LeaseLost: _Answer(409, "lease-lost"),
    store.JobEnded: _Answer(409, "job-ended"),
    store.CircuitInUse: _Answer(409, "circuit-in-use"),
    store.IdempotencyConflict: _Answer(422, "idempotency-conflict", "header", "/Idempotency-Key"),
    store.BadCursor: _Answer(422, "invalid-request", "query", "/cursor"),
}
"""Those that the client can act on. An absent database is 503; the others are ours: 500."""

_HTTP_KINDS = {
    400: "bad-request",
    404: "not-found",
    405: "method-not-allowed",
    413: "content-too-large",
}
_NO_ROUTE = "there is nothing at this address; /openapi.json lists what there is"


def install(app: FastAPI) -> None:
    """Have every error of `app` answered with a problem document, `LastResort` for the rest."""
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(store.StoreError, _store)
    app.add_exception_handler(SubmissionError, _submission)
    app.add_exception_handler(UnknownNameError, _unknown_name)
    app.add_exception_handler(CircuitError, _circuit)
    app.add_exception_handler(LibraryNameError, _library_name)
    app.add_exception_handler(UploadsBusyError, _busy)
    app.add_exception_handler(SimulatorError, _simulator)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)


def of_store(error: store.StoreError) -> ProblemError:
    """The answer to a failure of the design database."""
    answer = _STORE_ERRORS.get(type(error))
    if answer is None:
        # The text may name the database's address: it is for the log, not for the world.
        _log.error("database_error", detail=str(error))
        absent = isinstance(error, store.DatabaseUnavailable)
        return _unavailable() if absent else internal_error()
    errors = (
        [InvalidField(location=answer.location, pointer=answer.pointer, detail=str(error))]
        if answer.location
        else []
    )
    return ProblemError(answer.status, answer.kind, str(error), errors)


def of_validation(details: Sequence[Mapping[str, Any]]) -> ProblemError:
    """The answer to a request that does not fit its schema (`details` as pydantic gives them)."""
    errors = [_invalid_field(detail) for detail in mistakes(details)]
    in_path = [error for error in errors if error.location == "path"]
    if in_path:  # an address that cannot name anything names nothing
        return ProblemError(404, "not-found", f"there is no such resource: {in_path[0].detail}")
    return ProblemError(422, "invalid-request", "the request is not valid: see errors", errors)


def _unavailable() -> ProblemError:
    return ProblemError(
        503,
        "unavailable",
        "the design database does not answer; try again in a few seconds",
        headers={"Retry-After": _RETRY_SECONDS},
    )


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return error.response


async def _store(_request: Request, error: Exception) -> Response:
    assert isinstance(error, store.StoreError)
    return of_store(error).response


async def _submission(_request: Request, error: Exception) -> Response:
    assert isinstance(error, SubmissionError)
    pointer = "".join(f"/{part}" for part in error.field.split("."))
    field = InvalidField(location="body", pointer=pointer, detail=f"{error.problem}. {error.cure}")
    return ProblemError(422, "invalid-request", str(error), [field]).response


async def _unknown_name(_request: Request, error: Exception) -> Response:
    assert isinstance(error, UnknownNameError)
    return invalid("query", f"/{error.field}", str(error)).response


async def _circuit(_request: Request, error: Exception) -> Response:
    assert isinstance(error, CircuitError)
    findings = [
        CircuitFinding(file=one.file, line=one.line, problem=one.problem, cure=one.cure)
        for one in error.findings
    ]
    fields = [
        InvalidField(location="body", pointer=f"/files/{_escaped(one.file)}", detail=str(one))
        for one in error.findings
    ]
    detail = "the circuit cannot be used: see findings"
    return ProblemError(422, "invalid-circuit", detail, fields, findings=findings).response


async def _library_name(_request: Request, error: Exception) -> Response:
    return ProblemError(409, "library-name", str(error)).response


async def _busy(_request: Request, error: Exception) -> Response:
    return ProblemError(503, "busy", str(error), headers={"Retry-After": _RETRY_SECONDS}).response


async def _simulator(_request: Request, error: Exception) -> Response:
    # The text may show how this machine is set up: it is for the log.
    _log.error("simulator_error", detail=str(error))
    detail = "this server cannot simulate now; its log says why, and so does GET /v1/readyz"
    headers = {"Retry-After": _RETRY_SECONDS}
    return ProblemError(503, "unavailable", detail, headers=headers).response


async def _validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return of_validation(error.errors()).response


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    detail = str(error.detail)
    if error.status_code == 404:
        detail = _NO_ROUTE
    if error.status_code == 405:
        headers["Allow"] = ", ".join(allowed_methods(request))
        detail = f"{request.method} is not for this address; it takes {headers['Allow']}"
    kind = _HTTP_KINDS.get(error.status_code, f"http-{error.status_code}")
    return ProblemError(error.status_code, kind, detail, headers=headers).response


_NAMED = re.compile(r"^(?P<field>[a-z_]+): ")


def _invalid_field(detail: Mapping[str, Any]) -> InvalidField:
    place, *path = [str(part) for part in detail["loc"]] or ["body"]
    text = str(detail["msg"])
    if detail["type"] == "json_invalid":
        text = f"no valid JSON at character {path[0]}: {detail['ctx']['error']}"
        path = []
    named = _NAMED.match(text)
    if not path and named:  # rules over several fields say in front which one to change
        path, text = [named["field"]], text[named.end() :]
    pointer = "".join(f"/{_escaped(part)}" for part in path)
    location: Place = next((known for known in get_args(Place) if known == place), "body")
    return InvalidField(location=location, pointer=pointer, detail=text)


def _escaped(part: str) -> str:
    """A step of a JSON Pointer."""
    return part.replace("~", "~0").replace("/", "~1")
