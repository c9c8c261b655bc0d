"""A farm of our own on this machine: a scheduler and workers, real processes, ended by their id."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
from distributed import Client

from simulators.closing import Closing
from simulators.farm.task import host_pids

ROOT = Path(__file__).resolve().parents[3]
_QUIET = {
    "DASK_LOGGING__DISTRIBUTED": "critical",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "30s",
    "DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING": "True",
}


class OwnFarm(Closing):
    """Starts with a scheduler and no worker; the same port all its life."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._workers: dict[int, subprocess.Popen[bytes]] = {}
        self._port = 0
        self._scheduler = self._start_scheduler()
        self._port = int(self.address.rsplit(":", 1)[1])

    @property
    def address(self) -> str:
        """Of the scheduler, waiting for it."""
        file = self._folder / "scheduler.json"
        until(lambda: file.is_file() and file.stat().st_size > 0)
        return str(json.loads(file.read_text(encoding="utf-8"))["address"])

    @property
    def scheduler_pid(self) -> int:
        return self._scheduler.pid

    def start_scheduler(self) -> None:
        """Again, at the same address, after `kill_scheduler`."""
        self._scheduler = self._start_scheduler()

    def kill_scheduler(self) -> None:
        self._scheduler.kill()
        self._scheduler.wait(20)

    def add_worker(
        self, *options: str, threads: int = 1, sources: Path = ROOT, **environment: str
    ) -> int:
        """Start a worker; its process id. `wait_for` waits until it has joined."""
        worker = _spawn(
            [
                "distributed.cli.dask_worker", f"tcp://127.0.0.1:{self._port}", "--no-dashboard",
                "--nthreads", str(threads), "--host", "127.0.0.1", "--local-directory",
                str(self._folder), *(options or ("--no-nanny",)),
            ],
            environment,
            sources,
        )  # fmt: skip
        self._workers[worker.pid] = worker
        return worker.pid

    def wait_for(self, workers: int) -> None:
        """Until so many workers have joined."""
        with self.client() as client:
            client.wait_for_workers(workers, timeout=60)

    def kill_worker(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        if pid in self._workers:
            self._workers.pop(pid).wait(20)

    def stop_worker(self, pid: int) -> None:
        """As a batch system does it."""
        os.kill(pid, signal.SIGTERM)
        self._workers.pop(pid).wait(60)

    def worker_pids(self) -> list[int]:
        """Processes that simulate, their hosts' parents; those under a nanny too."""
        with self.client() as client:
            return list(client.run(os.getpid, on_error="ignore").values())

    def host_pids(self) -> list[int]:
        with self.client() as client:
            found = client.run(host_pids, on_error="ignore")  # one may die while it is asked
            return [pid for pids in found.values() for pid in pids]

    @contextlib.contextmanager
    def client(self) -> Iterator[Any]:
        with Client(self.address, timeout=30, set_as_default=False) as client:
            yield client

    def close(self) -> None:
        """End everything that was started here, and what that started."""
        for process in [self._scheduler, *self._workers.values()]:
            with contextlib.suppress(psutil.NoSuchProcess):
                family = psutil.Process(process.pid).children(recursive=True)
                process.kill()
                for one in family:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        one.kill()
            process.wait(20)

    def _start_scheduler(self) -> subprocess.Popen[bytes]:
        (self._folder / "scheduler.json").unlink(missing_ok=True)
        return _spawn(
            [
                "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(self._port),
                "--no-dashboard", "--scheduler-file", str(self._folder / "scheduler.json"),
            ],
            {},
            ROOT,
        )  # fmt: skip


def _spawn(
    arguments: list[str], environment: dict[str, str], sources: Path
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=sources,
        env={**os.environ, **_QUIET, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
