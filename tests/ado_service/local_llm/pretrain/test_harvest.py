"""Variations of circuits, and what is simulated of them."""

from __future__ import annotations

import numpy as np
import pytest

from ado_service.local_llm.pretrain.harvest import Harvest
from ado_service.local_llm.pretrain.variation import varied
from circuits.loader import library_names, load_circuit
from simulators.check import check_circuit
from tests.ado_service.local_llm.pretrain.conftest import reaped


def test_a_harvest_follows_the_specs_and_repeats(found: Harvest) -> None:
    assert found.X.shape == (120, 14)
    assert found.metrics.shape == (120, 5)
    assert np.isfinite(found.metrics).all(axis=1).mean() > 0.5
    again = reaped(1)
    assert np.array_equal(found.X, again.X)
    assert np.array_equal(found.metrics, again.metrics, equal_nan=True)
    regions = [found.region_names(row) for row in range(120)]
    assert {"saturation", "triode"} <= {name for one in regions for name in one.values()}


def test_what_evolves_is_better_than_what_is_spread(found: Harvest) -> None:
    gain = [metric.name for metric in found.circuit.metrics].index("gain")
    first, last = found.metrics[:32, gain], found.metrics[-60:, gain]
    assert np.nanmedian(last) > np.nanmedian(first)


@pytest.mark.parametrize("name", library_names())
def test_a_variation_is_another_circuit_with_the_same_variables(name: str) -> None:
    circuit = load_circuit(name)
    other = varied(circuit, 3)
    assert other == varied(circuit, 3)
    assert other != varied(circuit, 4)
    assert varied(circuit, 0) == circuit
    assert other.variables == circuit.variables
    assert other.corners[0].temperature != circuit.corners[0].temperature
    check_circuit(other)


def test_cards_differ_by_device_type() -> None:
    card = varied(load_circuit("two_stage_amplifier"), 5).files["models/generic90.mod"]
    thresholds = [float(part.split()[0]) for part in card.split("vth0=")[1:]]
    assert 0.2 < thresholds[0] < 0.7
    assert -0.7 < thresholds[1] < -0.2
    assert abs(thresholds[0] + thresholds[1]) > 1e-3
