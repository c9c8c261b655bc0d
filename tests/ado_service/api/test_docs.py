"""docs/rest.md says what there is, and its examples work."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ado_service.api import errors
from tests.ado_service.api.live import Live

TEXT = (Path(__file__).parents[3] / "docs" / "rest.md").read_text()


def test_every_operation_is_in_the_table(live: Live) -> None:
    for path, operations in live.get("/openapi.json")["paths"].items():
        for method in operations:
            assert f"`{method.upper()} {path}`" in TEXT


def test_every_parameter_of_the_design_database_is_explained(live: Live) -> None:
    for parameter in live.get("/openapi.json")["paths"]["/v1/designs"]["get"]["parameters"]:
        assert f"`{parameter['name']}" in TEXT


def test_every_status_is_explained(live: Live) -> None:
    statuses = {
        status
        for operations in live.get("/openapi.json")["paths"].values()
        for operation in operations.values()
        for status in operation["responses"]
        if int(status) >= 400
    }
    assert all(f"| {status} |" in TEXT for status in statuses)
    for answer in errors._STORE_ERRORS.values():
        assert f"`{answer.kind}`" in TEXT


@pytest.mark.skipif(shutil.which("curl") is None, reason="the examples are for curl")
def test_the_examples_work(working: Live, tmp_path: Path) -> None:
    body = {"circuit": "two_stage_amplifier", "method": "random", "budget": 5}
    job_id = working.client.post("/v1/jobs", json=body).json()["id"]
    working.finished(job_id)
    queued = working.client.post(
        "/v1/jobs", json={**body, "budget": 50_000, "objective": "fom"}
    ).json()["id"]
    trade = {**body, "objective": "pareto:power,gbw"}
    front = working.client.post("/v1/jobs", json=trade).json()["id"]
    environment = {
        **os.environ,
        "JOB": job_id,
        "QUEUED": queued,
        "FRONT": front,
        "DESIGN": str(working.get("/v1/designs", job=job_id)["items"][0]["id"]),
        "ADO_API_KEY": "any",
    }
    examples = "".join(re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)).splitlines()
    assert len(examples) >= 10
    for example in examples:
        command = example.replace("http://127.0.0.1:8765", str(working.client.base_url))
        command = command.replace("curl ", "curl --fail-with-body --max-time 20 ")
        done = subprocess.run(
            ["sh", "-c", command], env=environment, cwd=tmp_path, capture_output=True
        )
        assert done.returncode == 0, (command, done.stdout)
    assert working.finished(queued)["state"] == "cancelled"
