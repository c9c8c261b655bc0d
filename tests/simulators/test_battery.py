"""The battery on the local pool."""

from __future__ import annotations

import pytest

from circuits.definition import Circuit
from simulators.ngspice.simulator import NgspiceSimulator
from tests.simulators.battery import OpenPool, SimulatorBattery


@pytest.fixture
def open_pool(opened: list[NgspiceSimulator]) -> OpenPool:
    def open_it(circuit: Circuit, **options: object) -> NgspiceSimulator:
        opened.append(NgspiceSimulator(circuit, processes=2, **options))  # type: ignore[arg-type]
        return opened[-1]

    return open_it


class TestLocalPool(SimulatorBattery):
    """`NgspiceSimulator`."""
