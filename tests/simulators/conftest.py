"""Fixtures of the pools that have their hosts on this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulators.ngspice.simulator import NgspiceSimulator
from tests.simulators.battery import Hosts


@pytest.fixture
def opened() -> Iterator[list[NgspiceSimulator]]:
    """Pools that a test has opened; they are closed at its end."""
    pools: list[NgspiceSimulator] = []
    yield pools
    for pool in pools:
        pool.close()


@pytest.fixture
def hosts(opened: list[NgspiceSimulator]) -> Hosts:
    """Process ids of all their hosts."""
    return lambda: [pid for pool in opened for pid in pool.host_pids()]
