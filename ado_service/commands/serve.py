"""`ado serve` and `ado worker`: the long-running processes."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType
from typing import Annotated

import typer

from ado_service.commands.console import (
    FAILED,
    Database,
    err,
    fail,
    log_to_stderr,
    open_store,
    settings_with,
    told_plainly,
)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 for a free one. [8765]")] = None,
    jobs: Annotated[
        bool, typer.Option("--jobs/--no-jobs", help="Run jobs in this process too.")
    ] = True,
    processes: Annotated[int | None, typer.Option(help="Simulator hosts. [cores + 1]")] = None,
    database: Database = None,
) -> None:
    """Serve the REST API, and run the jobs that it is given."""
    log_to_stderr(logging.INFO)
    with told_plainly():
        settings = settings_with(database, host=host, port=port, processes=processes)
        from ado_service.api.serve import BindError
        from ado_service.api.serve import serve as serve_api

        try:
            serve_api(settings, run_jobs=jobs)
        except BindError as error:
            fail(str(error))


def worker(
    processes: Annotated[int | None, typer.Option(help="Simulator hosts. [cores + 1]")] = None,
    database: Database = None,
) -> None:
    """Run queued jobs and tunings until SIGTERM or Ctrl-C; what runs is handed back then."""
    log_to_stderr(logging.INFO)
    ended = threading.Event()

    def end(kind: int, _frame: FrameType | None) -> None:
        signal.signal(kind, signal.SIG_DFL)  # a second one ends the process at once
        ended.set()

    for kind in (signal.SIGTERM, signal.SIGINT):
        signal.signal(kind, end)
    with told_plainly():
        settings = settings_with(database, processes=processes)
        from ado_service.jobs.worker import Worker  # torch takes seconds to import
        from ado_service.tunings.worker import TuningWorker

        with open_store(settings) as store:
            own, tuner = Worker(store, settings), TuningWorker(store, settings)
            own.start()
            tuner.start()
            err.print(f"worker {own.owner} waits for jobs")
            while not ended.wait(1.0) and own.alive:
                pass
            died = not own.alive and not ended.is_set()
            own.stop()
            tuner.stop()
    if died:
        fail("the worker's thread ended by itself; its log says why", FAILED)
