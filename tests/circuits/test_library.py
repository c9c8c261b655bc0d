"""Every circuit of the library: adding one adds its tests."""

from __future__ import annotations

import pytest

from circuits.definition import Circuit
from circuits.folder import LIBRARY
from circuits.fom import judge
from circuits.loader import library_names, load_circuit
from circuits.variable import Scale


@pytest.fixture(params=library_names())
def circuit(request: pytest.FixtureRequest) -> Circuit:
    return load_circuit(request.param)


def test_names_are_those_of_the_folders() -> None:
    folders = sorted(path.name for path in LIBRARY.iterdir() if path.is_dir())
    assert [load_circuit(name).name for name in library_names()] == folders
    assert len(folders) >= 2


def test_texts_for_prompts_are_there(circuit: Circuit) -> None:
    texts = [circuit.title, circuit.about, circuit.source, circuit.technology]
    texts += [variable.role for variable in circuit.variables]
    for group in circuit.device_groups:
        texts += [group.structure, group.function, *group.variables]
    texts += [metric.about for metric in circuit.metrics]
    texts += [bench.about for bench in circuit.testbenches]
    texts += [specs.about for specs in circuit.spec_sets]
    texts += circuit.design_principles
    assert all(text.strip() for text in texts)
    assert circuit.device_groups
    assert circuit.design_principles


def test_every_variable_sizes_a_group_and_has_a_unit_or_counts(circuit: Circuit) -> None:
    grouped = {name for group in circuit.device_groups for name in group.variables}
    assert grouped == set(circuit.variable_names)
    assert all(variable.unit or variable.scale is Scale.INTEGER for variable in circuit.variables)


def test_every_spec_can_be_met_or_failed(circuit: Circuit) -> None:
    for specs in circuit.spec_sets:
        assert not judge({}, specs.specs).feasible
