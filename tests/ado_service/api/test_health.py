"""Health: alive, and ready or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ado_service.store.errors import DatabaseUnavailable
from tests.ado_service.api.live import Live
from tests.ado_service.api.test_errors import problem


def test_a_server_lives_and_is_ready(live: Live) -> None:
    assert live.get("/v1/healthz")["status"] == "alive"
    ready = live.get("/v1/readyz")
    assert ready["status"] == "ready"
    assert set(ready["checks"]) == {"database", "ngspice", "shutdown"}


def test_where_jobs_run_their_worker_counts(working: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    assert working.get("/v1/readyz")["checks"]["worker"] == "ok"
    monkeypatch.setattr(type(working.service.worker), "alive", property(lambda self: False))
    document = problem(working.client.get("/v1/readyz"), 503, "not-ready")
    assert "worker" in document["detail"]


def test_without_a_database_it_lives_but_is_not_ready(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> Any:
        raise DatabaseUnavailable("at a secret place")

    monkeypatch.setattr(live.service.store, "ping", gone)
    answer = live.client.get("/v1/readyz")
    assert "database" in problem(answer, 503, "not-ready")["detail"]
    assert "secret" not in answer.text
    assert answer.headers["retry-after"]
    assert live.client.get("/v1/healthz").status_code == 200


def test_without_ngspice_it_is_not_ready(
    live: Live, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ADO_LIBNGSPICE", str(tmp_path / "libngspice.so"))
    assert "ngspice" in problem(live.client.get("/v1/readyz"), 503, "not-ready")["detail"]


def test_ngspice_may_be_installed_while_the_server_runs(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ADO_LIBNGSPICE", raising=False)
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    assert "ngspice" in problem(live.client.get("/v1/readyz"), 503, "not-ready")["detail"]
    monkeypatch.setattr("ctypes.util.find_library", lambda name: f"lib{name}.so")
    assert live.get("/v1/readyz")["checks"]["ngspice"] == "ok"
