"""The battery on the local pool."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from circuits.definition import Circuit
from simulators.ngspice.simulator import NgspiceSimulator
from tests.simulators.battery import Hosts, OpenPool, SimulatorBattery

_Opened = list[NgspiceSimulator]


@pytest.fixture
def opened() -> Iterator[_Opened]:
    pools: _Opened = []
    yield pools
    for pool in pools:
        pool.close()


@pytest.fixture
def open_pool(opened: _Opened) -> OpenPool:
    def open_it(circuit: Circuit, **options: object) -> NgspiceSimulator:
        opened.append(NgspiceSimulator(circuit, processes=2, **options))  # type: ignore[arg-type]
        return opened[-1]

    return open_it


@pytest.fixture
def hosts(opened: _Opened) -> Hosts:
    return lambda: [pid for pool in opened for pid in pool.host_pids()]


class TestLocalPool(SimulatorBattery):
    """`NgspiceSimulator`."""
