"""Whether the service lives, and whether it can do its work."""

from __future__ import annotations

import ctypes.util
import os
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import structlog

from ado_service.api.documented import problems
from ado_service.api.problem import ProblemError
from ado_service.api.resource import Resource
from ado_service.api.routing import router
from ado_service.api.service import Service, ServiceHere
from ado_service.store.errors import StoreError

_log = structlog.get_logger(__name__)
_RETRY_SECONDS = "5"

routes = router("/v1", "health")


class Alive(Resource):
    """A sign of life."""

    status: Literal["alive"] = "alive"
    version: str


class Ready(Resource):
    """The service can do its work."""

    status: Literal["ready"] = "ready"
    checks: dict[str, Literal["ok"]]


@routes.get(
    "/healthz",
    operation_id="getHealth",
    summary="Whether the server lives",
    response_model=Alive,
    responses=problems(),
)
async def healthz() -> Alive:
    """A sign of life; it asks nothing of the database and needs no key."""
    return Alive(version=_version())


@cache
def _version() -> str:
    """Of this installation: asked for once, as it stands in a file."""
    return version("ado-service")


@routes.get(
    "/readyz",
    operation_id="getReadiness",
    summary="Whether the service can do its work",
    response_model=Ready,
    responses=problems(),
)
def readyz(service: ServiceHere) -> Ready:
    """The database answers, ngspice is installed and, where jobs run here, their worker lives."""
    checks = _checks(service)
    failed = {name: text for name, text in checks.items() if text != "ok"}
    if failed:
        raise ProblemError(
            503,
            "not-ready",
            "; ".join(f"{name}: {text}" for name, text in failed.items()),
            headers={"Retry-After": _RETRY_SECONDS},
        )
    return Ready(checks=dict.fromkeys(checks, "ok"))


def _checks(service: Service) -> dict[str, str]:
    """What each check says: `ok`, or what is wrong."""
    checks = {
        "database": _database(service),
        "ngspice": "ok" if _has_ngspice() else "libngspice is not installed",
        "shutdown": "the server is shutting down" if service.closing.is_set() else "ok",
    }
    if service.worker is not None:
        checks["worker"] = "ok" if service.worker.alive else "no worker runs; restart the service"
    return checks


def _database(service: Service) -> str:
    try:
        service.store.ping()
    except StoreError as error:
        _log.error("database_error", detail=str(error))
        return "does not answer"
    return "ok"


def _has_ngspice() -> bool:
    """Whether a simulator host would find libngspice, which is never loaded into this process."""
    named = os.environ.get("ADO_LIBNGSPICE")
    if named:
        return Path(named).is_file()
    # Asked anew each time: who installs it need not restart the server.
    return ctypes.util.find_library("ngspice") is not None
