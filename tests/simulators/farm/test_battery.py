"""The battery on a farm of two worker processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from circuits.definition import Circuit
from simulators.farm.pool import DaskPool
from tests.simulators.battery import Hosts, OpenPool, SimulatorBattery
from tests.simulators.farm.own_farm import OwnFarm


@pytest.fixture
def open_pool(two_workers: OwnFarm) -> Iterator[OpenPool]:
    pools: list[DaskPool] = []

    def open_it(circuit: Circuit, **options: object) -> DaskPool:
        pools.append(DaskPool(circuit, address=two_workers.address, **options))  # type: ignore[arg-type]
        return pools[-1]

    yield open_it
    for pool in pools:
        pool.close()


@pytest.fixture
def hosts(two_workers: OwnFarm) -> Hosts:
    return two_workers.host_pids


class TestDaskPool(SimulatorBattery):
    """`DaskPool`."""
