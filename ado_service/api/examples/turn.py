"""A turn of a conversation with an LLM."""

from __future__ import annotations

from typing import Any

from ado_service.api.examples.known import JOB_ID, MOMENT

TURN: dict[str, Any] = {
    "job_id": JOB_ID,
    "turn": 0,
    "messages": [{"role": "user", "content": "Size the amplifier ..."}],
    "reply": '{"designs": []}',
    "failure": None,
    "detail": "",
    "calls": 1,
    "prompt_tokens": 2300,
    "completion_tokens": 410,
    "cost": 0.003,
    "seconds": 2.4,
    "model": "a-model",
    "profile": "default",
    "accepted": 1,
    "rejected": [],
    "created_at": MOMENT,
}
