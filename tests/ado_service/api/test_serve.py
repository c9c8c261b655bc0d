"""The server process: it ends when it is told to, with nothing left open."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from ado_service.api.serve import serve
from ado_service.store.errors import BadDatabaseUrl, DatabaseUnavailable
from ado_service.store.store import Store
from tests.ado_service.api.live import settings
from tests.ado_service.store.builders import new_job

_PROGRAM = """
import sys
from pathlib import Path
from ado_service.api.serve import serve
from ado_service.settings import Settings

folder, port = Path(sys.argv[1]), int(sys.argv[2])
serve(Settings(data_dir=folder, port=port, database_url=f"sqlite:///{folder}/designs.db"),
      run_jobs=False)
"""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended"
        try:
            if httpx.get(f"{url}/v1/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the server did not become ready")


def test_a_server_that_is_told_to_end_ends_its_streams(tmp_path: Path) -> None:
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-c", _PROGRAM, str(tmp_path), str(port)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            _ready(url, process)
            with Store.open(f"sqlite:///{tmp_path}/designs.db") as store:
                job_id = new_job(store)
            with httpx.stream("GET", f"{url}/v1/jobs/{job_id}/events", timeout=10) as stream:
                lines = stream.iter_lines()
                assert any(line.startswith("data: ") for line in lines)
                process.send_signal(signal.SIGTERM)
                started = time.monotonic()
                assert not [line for line in lines if line.startswith("data: ")]
            process.wait(10)
            assert time.monotonic() - started < 5
        finally:
            process.kill()


def test_a_database_that_cannot_be_used_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadDatabaseUrl, match="mysql"):
        serve(settings(tmp_path, database_url="mysql://somewhere/ado"))
    (tmp_path / "text.db").write_text("no database" * 100)
    with pytest.raises(DatabaseUnavailable):
        serve(settings(tmp_path, database_url=f"sqlite:///{tmp_path}/text.db"))
