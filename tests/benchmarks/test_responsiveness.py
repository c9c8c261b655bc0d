"""Asking a server whether it lives: what counts, and the whole benchmark on a real one."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.report import Row
from benchmarks.responsiveness_runs.polls import Polls, polled

NAMES = {f"healthz/{name}" for name in ("median", "p95", "p99", "max", "limit", "first-answer")}


class Stalling(BaseHTTPRequestHandler):
    """Answers at once, but for the fourth question."""

    protocol_version = "HTTP/1.1"
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        if self.asked == 4:
            time.sleep(0.5)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    Stalling.asked = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Stalling) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_stall_counts_for_every_question_that_was_due_in_it(port: int) -> None:
    found = polled(port, 0.05, lambda _: Stalling.asked < 20)
    assert len(found.milliseconds) == 20
    assert found.milliseconds[3] >= 500
    late = found.milliseconds[3:]
    assert 6 <= found.above(100) <= 12, "some ten questions were due in half a second"
    assert list(late[:6]) == sorted(late[:6], reverse=True)


def test_percentiles_are_of_the_answers() -> None:
    polls = Polls(tuple(float(one) for one in range(1, 102)))
    assert (polls.percentile(50), polls.percentile(95), polls.percentile(100)) == (51, 96, 101)
    assert polls.above(99) == 2


@pytest.mark.slow
def test_the_server_answers_while_it_generates_and_tunes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.responsiveness", "--quick", "--json"],
        capture_output=True, text=True, check=False, timeout=220,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)["rows"]}
    assert set(rows) == NAMES
    assert all(set(row) == set(Row.__dataclass_fields__) for row in rows.values())
    limit = rows["healthz/limit"]
    assert limit["detail"]["pieces_of_text"] > 10
    assert limit["n"] > 50
    # Without the limit itself: whoever runs the tests may have other work to do.
    assert rows["healthz/median"]["ours"] < limit["peer"]
