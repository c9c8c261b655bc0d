"""A process that writes to a store, for the tests: `python -m tests.ado_service.store.writer`.

`busy URL SECONDS` says `ready`, waits for a line, runs a job of its own for so long and says how
many designs it finished.
`stall URL WORDS` claims a job, adds designs and finishes one, but says `midway` and hangs after
the first SQL statement that begins with WORDS, in the middle of its transaction.
`open URL` opens the store, which makes its tables, and says `open`.
"""

from __future__ import annotations

import sys
import time

import sqlalchemy as sa
from sqlalchemy import event

from ado_service.store.store import Store
from tests.ado_service.store.builders import claimed, outcome, proposed


def say(line: str) -> None:
    """Tell the test."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def busy(store: Store, seconds: str) -> None:
    """Write without a pause."""
    lease = claimed(store, "busy")
    say("ready")
    sys.stdin.readline()
    finished = 0
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        [design] = store.designs.add_pending(lease, [proposed(finished)])
        store.designs.finish(lease, design.id, outcome(float(finished)))
        store.leases.renew(lease, 60)
        finished += 1
    say(str(finished))


def stall(store: Store, words: str) -> None:
    """Hang in mid-transaction."""

    def hang(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith(words):
            say("midway")
            time.sleep(60)

    lease = store.leases.claim("doomed", 0.3)
    assert lease is not None
    event.listen(sa.Engine, "after_cursor_execute", hang)
    pending = store.designs.add_pending(lease, [proposed(0), proposed(1)])
    store.designs.finish(lease, pending[0].id, outcome(1.0, feasible=True))


def main(mode: str, url: str, *arguments: str) -> None:
    """Run one of the modes."""
    with Store.open(url) as store:
        if mode == "open":
            say("open")
        else:
            {"busy": busy, "stall": stall}[mode](store, *arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
