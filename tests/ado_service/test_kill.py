"""kill -9 of the service in mid-job: the next one goes on, no design is lost or doubled."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ado_service.store.store import Store
from tests.ado_service.test_cli import environment


class Service:
    """`ado serve` as a process of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ado_service.cli", "serve", "--port", str(self.port)],
            env=environment(folder, ADO_LEASE_SECONDS="1"),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
        )  # fmt: skip
        wait_until(self.answers, 60)

    def answers(self) -> bool:
        try:
            return bool(self.ask("GET", "/v1/healthz"))
        except (urllib.error.URLError, ConnectionError):
            return False

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"} | headers,
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def wait_until(holds: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.05)


def designs_of(folder: Path, job_id: str) -> list[tuple[int, dict[str, float], Any, Any]]:
    with Store.open(f"sqlite:///{folder}/ado.db") as store:
        return [
            (design.index, design.values, design.metrics, design.fom)
            for design in store.designs.of_job(job_id)
        ]


@pytest.mark.parametrize(
    "job",
    [
        {"method": "random", "budget": 600, "seed": 3, "objective": "fom"},
        {"method": "gp-bo", "budget": 20, "seed": 4, "objective": "fom"},
    ],
    ids=lambda job: job["method"],
)
def test_a_killed_service_loses_and_doubles_nothing(job: dict[str, Any], tmp_path: Path) -> None:
    body = {"circuit": "two_stage_amplifier", **job}
    service = Service(tmp_path)
    try:
        job_id = service.ask("POST", "/v1/jobs", body)["id"]
        for part in (0.2, 0.5):
            enough = part * job["budget"]
            wait_until(partial(has_done, service, job_id, enough), 60)
            service.kill()
            service = Service(tmp_path)
        wait_until(lambda: state(service, job_id) == "finished", 90)
        whole = service.ask("POST", "/v1/jobs", body)["id"]
        wait_until(lambda: state(service, whole) == "finished", 90)
    finally:
        service.kill()
    killed = designs_of(tmp_path, job_id)
    assert [index for index, *_ in killed] == list(range(job["budget"]))
    assert killed == designs_of(tmp_path, whole)


def has_done(service: Service, job_id: str, enough: float) -> bool:
    return bool(service.ask("GET", f"/v1/jobs/{job_id}")["simulations"] >= enough)


def state(service: Service, job_id: str) -> str:
    found: str = service.ask("GET", f"/v1/jobs/{job_id}")["state"]
    return found


def test_hosts_end_with_a_killed_service(tmp_path: Path) -> None:
    service = Service(tmp_path)
    service.ask(
        "POST", "/v1/jobs",
        {"circuit": "two_stage_amplifier", "method": "random", "budget": 5000, "objective": "fom"},
    )  # fmt: skip
    wait_until(lambda: len(children(service.process.pid)) >= 1, 30)
    hosts = children(service.process.pid)
    service.kill()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in hosts), 10)


def children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            if int(stat.rsplit(")", 1)[1].split()[1]) == pid:
                found.append(int(entry.name))
    return [child for child in found if child != os.getpid()]
