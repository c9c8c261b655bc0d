"""The API over each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ado_service.store.job_record import JobState
from tests.ado_service.api.live import Live, serving, settings
from tests.ado_service.store.builders import claimed, measured, outcome

BODY = {"circuit": "two_stage_amplifier", "method": "random", "budget": 6}


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Live]:
    with serving(settings(tmp_path, database_url=database_url)) as live:
        yield live


def test_a_job_is_kept_followed_and_found(server: Live) -> None:
    headers = {"Idempotency-Key": "once"}
    first, again = (server.client.post("/v1/jobs", json=BODY, headers=headers) for _ in range(2))
    assert first.json() == again.json()

    lease = claimed(server.store)
    measured(server.store, lease, *(outcome(float(fom % 5)) for fom in range(9)))
    server.store.leases.release(lease, JobState.FINISHED)
    designs = server.everything("/v1/designs", sort="-fom", limit=2, metric="gain:1:")
    assert [design["fom"] for design in designs] == [4, 3, 3, 2, 2, 1, 1]
    jobs = server.everything("/v1/jobs", limit=1)
    assert [job["id"] for job in jobs] == [lease.job_id, first.json()["id"]]

    stream = server.client.get(f"/v1/jobs/{lease.job_id}/events").text
    assert stream.count("event: design\n") == 9
    assert server.client.get("/v1/designs?job=%00&circuit=%ff").json()["items"] == []
    assert server.client.get("/v1/jobs/%00").status_code == 404
    assert server.get("/v1/readyz")["checks"]["database"] == "ok"
