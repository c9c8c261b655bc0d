"""A small harvest of a library circuit, simulated once."""

from __future__ import annotations

import pytest

from ado_service.local_llm.pretrain.harvest import Harvest, harvest
from ado_service.local_llm.pretrain.variation import varied
from circuits.loader import load_circuit
from simulators.ngspice.simulator import NgspiceSimulator


def reaped(seed: int, count: int = 120) -> Harvest:
    circuit = varied(load_circuit("two_stage_amplifier"), seed)
    with NgspiceSimulator(circuit, processes=1) as simulator:
        return harvest(circuit, simulator, count, seed)


@pytest.fixture(scope="package")
def found() -> Harvest:
    return reaped(1)
