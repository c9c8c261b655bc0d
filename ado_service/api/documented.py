"""The errors of each operation, for the OpenAPI description."""

from __future__ import annotations

from typing import Any

from ado_service.api.problem import MEDIA_TYPE

Responses = dict[int | str, dict[str, Any]]

_SCHEMA = {"$ref": "#/components/schemas/Problem"}
_TEXTS = {
    401: "The server has a key and the request does not have it.",
    403: "The request comes from a web page of another site, or names a foreign host.",
    404: "There is no such resource.",
    405: "The address does not take this method; Allow says which it takes.",
    409: "It does not go with the present state of the resource.",
    413: "The body is over 1 MiB.",
    415: "The body is not said to be application/json.",
    422: "The request is not valid; `errors` says where.",
    500: "The service made a mistake; its log says more.",
    503: "The service cannot answer now; Retry-After says when to ask again.",
}
_ALWAYS = (401, 403, 405, 422, 500, 503)


def problems(*statuses: int) -> Responses:
    """The error responses of an operation: those that all have, and these."""
    found: Responses = {status: _response(_TEXTS[status]) for status in {*_ALWAYS, *statuses}}
    return dict(sorted(found.items(), key=lambda item: int(item[0])))


def not_modified() -> Responses:
    """The answer to a client that has the present version."""
    return {304: {"description": "The client has the present version; no body."}}


def _response(text: str) -> dict[str, Any]:
    return {"description": text, "content": {MEDIA_TYPE: {"schema": _SCHEMA}}}


def accepted(what: str) -> Responses:
    """202: a `what` was made, now or by an earlier request with the same key."""
    address = {"description": f"The {what}'s address.", "schema": {"type": "string"}}
    replayed = {
        "description": f"`true` when an earlier request with this key made the {what}.",
        "schema": {"type": "string", "enum": ["true"]},
    }
    return {202: {"headers": {"Location": address, "Idempotency-Replayed": replayed}}}
