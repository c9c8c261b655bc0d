"""What tells one request with an idempotency key from another."""

from __future__ import annotations

import hashlib
import json

from pydantic import BaseModel


def request_hash(body: BaseModel) -> str:
    """Of what the request sets; to leave a field out is not to set it to null."""
    said = json.dumps(body.model_dump(mode="json", exclude_unset=True), sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()
