"""Hosts and their nursery: forked, replaced, recycled, and gone with their parent."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.ngspice import host_process
from simulators.ngspice.errors import HostDiedError, HostTimeoutError, SimulatorClosedError
from simulators.ngspice.host_process import HostProcess
from simulators.ngspice.nursery_process import NurseryProcess
from tests.simulators.hostile.trial import GOOD, alive, good_answer
from tests.simulators.test_ngspice_simulator import until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def nursery() -> Iterator[NurseryProcess]:
    found = NurseryProcess()
    yield found
    found.close()


@pytest.fixture
def host(nursery: NurseryProcess) -> Iterator[HostProcess]:
    found = HostProcess([GOOD], nursery)
    yield found
    found.close()


def status(pid: int | None, field: str) -> str:
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    match = re.search(rf"(?m)^{field}:\s*(.*)$", text)
    assert match is not None
    return match[1]


def descriptors(pid: int | None) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def good(host: HostProcess) -> object:
    return good_answer(host, 0)


def test_a_host_is_a_fork_of_the_nursery(nursery: NurseryProcess, host: HostProcess) -> None:
    good(host)
    assert int(status(host.pid, "PPid")) == nursery.pid
    assert status(nursery.pid, "Threads") == status(host.pid, "Threads") == "1"
    assert descriptors(host.pid) == 5  # nothing of the nursery's


def test_a_host_has_given_up_its_rights(host: HostProcess) -> None:
    good(host)
    limits = Path(f"/proc/{host.pid}/limits").read_text(encoding="ascii")
    assert re.search(r"Max open files +5 +5 ", limits)
    assert re.search(r"Max processes +0 +0 ", limits)
    found = re.search(r"Max cpu time +(\d+) ", limits)
    assert found is not None
    assert 60 <= int(found[1]) <= 70
    assert status(host.pid, "NoNewPrivs") == "1"
    assert status(host.pid, "Seccomp") == ("0" if host.confinement["seccomp"] else "2")
    assert int(status(host.pid, "CapEff"), 16) == 0
    assert status(host.pid, "Uid").split()[0] != "0"


def test_a_crash_is_replaced_by_a_fork_of_the_same_nursery(
    nursery: NurseryProcess, host: HostProcess
) -> None:
    first = good(host)
    pids = {host.pid, nursery.pid}
    for _ in range(20):
        assert host.pid is not None
        os.kill(host.pid, signal.SIGKILL)
        with pytest.raises(HostDiedError, match=r"status -9"):
            good(host)
        assert good(host) == first
        pids |= {host.pid, nursery.pid}
    assert len(pids) == 22
    # Nothing is kept of the dead ones.
    assert descriptors(nursery.pid) <= 8
    assert Path(f"/proc/{nursery.pid}/task/{nursery.pid}/children").read_text().split() == [
        str(host.pid)
    ]


def test_a_nursery_that_dies_is_replaced(nursery: NurseryProcess, host: HostProcess) -> None:
    first = good(host)
    old, nursed = host.pid, nursery.pid
    assert old is not None
    assert nursed is not None
    os.kill(nursed, signal.SIGKILL)
    until(lambda: not alive(old))
    with pytest.raises(HostDiedError):
        good(host)
    assert good(host) == first
    assert nursery.pid != nursed


def test_a_host_is_recycled(host: HostProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    assert host_process.RECYCLE == 10_000
    monkeypatch.setattr(host_process, "RECYCLE", 3)
    answers, pids = [], []
    for _ in range(7):
        answers.append(good(host))
        pids.append(host.pid)
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 1]
    assert all(answer == answers[0] for answer in answers)


def test_closing_the_nursery_ends_its_hosts(nursery: NurseryProcess) -> None:
    hosts = [HostProcess([GOOD], nursery) for _ in range(3)]
    for one in hosts:
        good(one)
    pids = [one.pid for one in hosts]
    nursery.close()
    until(lambda: not any(alive(pid) for pid in pids if pid is not None))
    for one in hosts:
        with pytest.raises((HostDiedError, SimulatorClosedError)):
            good(one)
        with pytest.raises(SimulatorClosedError):
            good(one)
        one.close()


def test_a_host_that_no_one_holds_is_ended(nursery: NurseryProcess) -> None:
    forked = nursery.fork()
    pid = forked.pid
    assert alive(pid)
    forked.close()
    until(lambda: not Path(f"/proc/{pid}").exists())  # buried too


def test_a_stopped_host_is_killed_at_its_limit(host: HostProcess) -> None:
    good(host)
    pid = host.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(HostTimeoutError, match=r"longer than 0\.2 s"):
        host.run([], 0.2)
    assert not alive(pid)


PARENT = """
import os, time
from simulators.ngspice.host_process import HostProcess
from simulators.ngspice.nursery_process import NurseryProcess
from tests.simulators.hostile.trial import GOOD, good_answer
nursery = NurseryProcess()
host = HostProcess([GOOD], nursery)
good_answer(host, 0)
other = os.fork()
if other == 0:  # holds a copy of every socket and pipe
    time.sleep(60)
    os._exit(0)
print(other, nursery.pid, host.pid, flush=True)
time.sleep(60)
"""


def test_none_outlives_a_parent_whose_sockets_another_process_holds() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    other, nursery, host = (int(word) for word in parent.stdout.readline().split())
    try:
        parent.kill()
        parent.wait(10)
        until(lambda: not alive(nursery) and not alive(host))
        assert alive(other)
    finally:
        os.kill(other, signal.SIGKILL)
        parent.stdout.close()
