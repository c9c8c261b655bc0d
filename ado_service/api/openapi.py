"""The OpenAPI description of the service."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ado_service.api.access import OPEN
from ado_service.api.examples import EXAMPLES
from ado_service.api.problem import Problem

DESCRIPTION = (
    "Sizes analog circuits on ngspice. Start a job, follow it, and browse every design that was "
    "ever tried. Every error is an application/problem+json document (RFC 9457)."
)
_TAGS = [
    {"name": "circuits", "description": "What can be sized."},
    {"name": "jobs", "description": "Sizing jobs: started, followed, paused, cancelled."},
    {"name": "designs", "description": "Every design ever tried, with its results."},
    {"name": "tunings", "description": "Local models, tuned on designs of finished jobs."},
    {"name": "health", "description": "For supervisors and load balancers."},
]
_KEY = {
    "type": "http",
    "scheme": "bearer",
    "description": "The server's key. A server without one listens on loopback only.",
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The description of `app`, made once and kept."""
    if app.openapi_schema is None:
        app.openapi_schema = _description(app)
    return app.openapi_schema


def _description(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(
        title=app.title,
        version=app.version,
        description=DESCRIPTION,
        routes=app.routes,
        tags=_TAGS,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    components = found.setdefault("components", {})
    components["securitySchemes"] = {"key": _KEY}
    schemas = components.setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    for name, example in EXAMPLES.items():
        # Put in here, for FastAPI drops every null of an example that stands in a model.
        schemas[name]["examples"] = [example]
    for path, operations in found["paths"].items():
        for operation in operations.values():
            # An empty alternative: without a key on the server, none is asked for.
            operation["security"] = [] if path in OPEN else [{"key": []}, {}]
    return found
