"""The battery on PySpice's engine."""

from __future__ import annotations

import pytest

from circuits.definition import Circuit
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.pyspice.simulator import PySpiceSimulator
from tests.simulators.battery import OpenPool, SimulatorBattery


@pytest.fixture
def open_pool(opened: list[NgspiceSimulator]) -> OpenPool:
    def open_it(circuit: Circuit, **options: object) -> PySpiceSimulator:
        opened.append(PySpiceSimulator(circuit, processes=2, **options))  # type: ignore[arg-type]
        return opened[-1]

    return open_it


class TestPySpiceSimulator(SimulatorBattery):
    """`PySpiceSimulator`."""
