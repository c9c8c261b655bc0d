"""`ado serve` in a process of its own, on a free port of this machine."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_START_SECONDS = 120.0
_STOP_SECONDS = 60.0
HOST = "127.0.0.1"


class ServerFailedError(RuntimeError):
    """The server did not start; the text has the end of its log."""


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """The port of a server that keeps everything in `folder`, for as long as the block lasts.

    Raises:
        ServerFailedError: it does not answer within two minutes.
    """
    port, log = _free_port(), folder / "serve.log"
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ADO_")}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "ado_service.cli", "serve", "--port", str(port)],
            env=kept | {"ADO_DATA_DIR": str(folder), "ADO_PROCESSES": "1"},
            stdout=file,
            stderr=file,
        )
        try:
            _await_answer(process, port, log)
            yield port
        finally:
            process.terminate()
            process.wait(_STOP_SECONDS)


def alive(port: int) -> bool:
    """Whether a server answers there."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/v1/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _await_answer(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not alive(port):
        if process.poll() is not None or time.monotonic() > deadline:
            said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise ServerFailedError(f"the server does not answer; its log ends with:\n{said}")
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
