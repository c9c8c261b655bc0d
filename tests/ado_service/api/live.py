"""A server that really listens, and what tests need around it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from ado_service.api.serve import make_server
from ado_service.api.service import Service
from ado_service.settings import Settings
from ado_service.store.store import Store


@dataclass(frozen=True)
class Live:
    """A server under test.

    Attributes:
        client: sends requests to it.
        service: what it holds.
        store: the same database, opened a second time, as another process would.
    """

    client: httpx.Client
    service: Service
    store: Store

    def get(self, path: str, **query: Any) -> Any:
        """The JSON at `path`, which must be there."""
        answer = self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def everything(self, path: str, **query: Any) -> list[Any]:
        """The items of every page."""
        page = self.get(path, **query)
        items: list[Any] = page["items"]
        while page["next_cursor"] is not None:
            assert len(page["items"]) == query.get("limit", 50)
            page = self.get(path, **query, cursor=page["next_cursor"])
            items += page["items"]
        return items

    def until(self, job_id: str, reached: Callable[[Any], bool], seconds: float = 30) -> Any:
        """The job, once it has reached something; a job that ended before is a failure."""
        deadline = time.monotonic() + seconds
        while not reached(job := self.get(f"/v1/jobs/{job_id}")):
            assert job["finished_at"] is None, job
            assert time.monotonic() < deadline, job
            time.sleep(0.02)
        return job

    def finished(self, job_id: str) -> Any:
        """The job, once it has ended."""
        return self.until(job_id, lambda job: job["finished_at"] is not None)


def settings(folder: Path, **fields: Any) -> Settings:
    """Settings that keep everything in `folder`."""
    base = {"data_dir": folder, "processes": 1}
    return Settings(**{**base, "database_url": f"sqlite:///{folder}/designs.db", **fields})


@contextmanager
def serving(chosen: Settings, *, run_jobs: bool = False) -> Iterator[Live]:
    """A server on a free loopback port, for as long as the block lasts."""
    server = make_server(chosen, run_jobs=run_jobs)
    app = server.config.app
    assert isinstance(app, FastAPI)
    # Named as TCP, for asyncio to switch Nagle's delay off as it does for its own sockets.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive(), "the server did not start"
                time.sleep(0.01)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with (
                httpx.Client(base_url=url, timeout=30) as client,
                Store.open(chosen.database_url) as store,
            ):
                yield Live(client, app.state.service, store)
        finally:
            server.should_exit = True
            thread.join()
