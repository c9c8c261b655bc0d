"""What several examples name."""

from __future__ import annotations

JOB_ID = "job_k3v5q2m7x4a6b2dn"
CIRCUIT_HASH = "40b4ad53eb5e9f80" * 4
MOMENT = "2026-01-31T12:00:02Z"
