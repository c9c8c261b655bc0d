"""A request that is not valid."""

from __future__ import annotations

from typing import Any

PROBLEM: dict[str, Any] = {
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
