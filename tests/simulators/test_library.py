"""Every circuit of the library, measured: adding one adds its tests."""

from __future__ import annotations

import pytest

from circuits.definition import Circuit
from circuits.fom import judge
from circuits.loader import library_names, load_circuit
from simulators.check import check_circuit
from simulators.corners import verdict, worst_corner
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.starting import netlist_values, starting_design
from tests.simulators.good_designs import GOOD_DESIGNS


@pytest.fixture(params=library_names())
def circuit(request: pytest.FixtureRequest) -> Circuit:
    return load_circuit(request.param)


def test_checks(circuit: Circuit) -> None:
    decks = check_circuit(circuit)
    assert [deck.name for deck in decks] == [bench.name for bench in circuit.testbenches]


def test_netlists_give_every_variable_a_value_in_range(circuit: Circuit) -> None:
    values = netlist_values(circuit)
    assert set(values) == set(circuit.variable_names)
    assert starting_design(circuit) == values


def test_parameters_are_what_the_netlists_say(circuit: Circuit) -> None:
    """So that a netlist gives the same in plain ngspice as through us."""
    given = netlist_values(
        circuit.model_copy(
            update={
                "variables": tuple(
                    circuit.variables[0].model_copy(update={"name": name})
                    for name in circuit.parameters
                )
            }
        )
    )
    assert given == circuit.parameters


def test_the_start_is_sound_and_not_yet_good(circuit: Circuit) -> None:
    with NgspiceSimulator(circuit, processes=1) as simulator:
        [result] = simulator.run([starting_design(circuit)])
    assert result.failure is None, result.message
    nominal = result.corners[circuit.corners[0].name]
    devices = {name.rsplit(".", 1)[-1] for name in nominal.devices}
    grouped = {name for group in circuit.device_groups for name in group.devices}
    assert {name for name in grouped if name.startswith(("m", "xm"))} == devices
    for specs in circuit.spec_sets:
        metrics = worst_corner(result, specs.specs)
        assert None not in metrics.values()
        assert not judge(metrics, specs.specs).feasible, "the specs are met before any sizing"


def test_a_good_design_meets_every_spec(circuit: Circuit) -> None:
    design = GOOD_DESIGNS[circuit.name]
    assert design == {one.name: one.snap(design[one.name]) for one in circuit.variables}
    with NgspiceSimulator(circuit, processes=1) as simulator:
        [result] = simulator.run([design])
    assert result.failure is None, result.message
    for specs in circuit.spec_sets:
        found = verdict(result, specs.specs)
        missed = [name for name, met in found.met.items() if not met]
        assert found.feasible, f"{specs.name}: {missed} missed"


@pytest.mark.parametrize("position", [0.0, 1.0])
def test_the_ends_of_the_axes_are_no_good_designs(circuit: Circuit, position: float) -> None:
    """A circuit that hardly works, with all sizes smallest or largest, must not look good."""
    design = {one.name: one.from_unit(position) for one in circuit.variables}
    with NgspiceSimulator(circuit, processes=1) as simulator:
        [result] = simulator.run([design])
    for specs in circuit.spec_sets:
        assert not verdict(result, specs.specs).feasible
