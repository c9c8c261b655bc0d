"""The process of one tuning: told on its standard input what to do, it ends when that does.

So it never outlives the server or worker that started it, however that one came to its end. Its
exit status says whether it gave the tuning back (`process_end`).
"""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
from typing import Any

import structlog

from ado_service.settings import Settings
from ado_service.store.errors import DatabaseUnavailable
from ado_service.store.lease_record import Lease
from ado_service.store.store import Store
from ado_service.tunings.process_end import GIVEN_BACK, MACHINE_FAULT
from ado_service.tunings.runner import TuningRunner, be_kind


def main() -> None:
    """Run the tuning whose lease is told."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    be_kind()
    order: dict[str, Any] = json.loads(sys.stdin.readline())
    drain = threading.Event()
    threading.Thread(target=_await_end, args=(drain,), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: drain.set())
    settings = Settings(**order["settings"])
    try:
        with Store.open(settings.database_url) as store:
            fault = TuningRunner(store, settings, drain.is_set).run(Lease(*order["lease"]))
    except DatabaseUnavailable as error:
        fault = str(error)
    sys.exit(GIVEN_BACK if fault is None else MACHINE_FAULT)


def _await_end(drain: threading.Event) -> None:
    sys.stdin.read()
    drain.set()


if __name__ == "__main__":
    main()
