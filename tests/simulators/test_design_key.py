"""What a result's key counts, and what it does not."""

from __future__ import annotations

from typing import Any

import pytest

from circuits.definition import Circuit, Corner
from simulators.design_key import DesignKeys
from simulators.gating import Gate, conditions
from simulators.netlist.deck import build_decks
from tests.simulators.small import DIVIDER, circuit, spec

MODEL = ".model rm r (tc1=0 tc2=0)\n"
VALUES = {"r": 2000.0}


def with_model(model: str) -> Circuit:
    text = DIVIDER.replace(".op", ".include rm.mod\n.op")
    return circuit(text, files={"rm.mod": f"* models\n{model}"})


def key(found: Circuit, values: dict[str, float] = VALUES, version: str = "ngspice-39") -> str:
    return DesignKeys(found, build_decks(found)).of(values, version)


def changed(**fields: Any) -> Circuit:
    return circuit(DIVIDER, **fields)


def test_an_equal_design_has_the_same_key() -> None:
    assert key(circuit(DIVIDER)) == key(circuit(DIVIDER))
    assert key(circuit(DIVIDER), {"r": 2e3}) == key(circuit(DIVIDER))


@pytest.mark.parametrize(
    "fields", [{"name": "other"}, {"title": "Other"}, {"about": "other"}, {"technology": "x"}]
)
def test_names_and_descriptions_do_not_count(fields: dict[str, str]) -> None:
    assert key(changed(**fields)) == key(circuit(DIVIDER))


@pytest.mark.parametrize(
    "other",
    {
        "option": circuit(DIVIDER.replace(".op", ".options reltol=1e-5\n.op")),
        "element": circuit(DIVIDER.replace("r2 out 0 1k", "r2 out 0 1.001k")),
        "analysis": circuit(DIVIDER.replace(".ac lin 1 1 1", ".ac lin 1 2 2")),
        "measure": circuit(DIVIDER.replace("max vm(out)", "min vm(out)")),
        "temperature": changed(corners=(Corner(temperature=26),)),
        "corner": changed(corners=(Corner(), Corner(name="hot", temperature=85))),
        "corner name": changed(corners=(Corner(name="typical"),)),
        "parameter": changed(parameters={"vdd": 1.0}),
        "expression": changed(metrics={"gain": "2 * gain"}),
    }.items(),
    ids=lambda item: item[0],
)
def test_all_that_matters_counts(other: tuple[str, Circuit]) -> None:
    assert key(other[1]) != key(circuit(DIVIDER))


def test_a_model_card_counts() -> None:
    cold, warm = with_model(MODEL), with_model(MODEL.replace("tc1=0", "tc1=1m"))
    assert key(cold) != key(warm)
    assert key(cold) == key(with_model(MODEL))


def test_values_count_bit_for_bit() -> None:
    found = circuit(DIVIDER)
    assert key(found, {"r": 2000.0000000000002}) != key(found, {"r": 2000.0})


def test_the_seed_of_a_mismatch_counts() -> None:
    found = circuit(DIVIDER)
    keys = {key(found, {**VALUES, "mismatch_sample": sample}) for sample in (1, 2, 3)}
    assert len({*keys, key(found)}) == 4


def test_the_simulator_counts() -> None:
    found = circuit(DIVIDER)
    assert key(found, version="ngspice-40") != key(found, version="ngspice-39")


def test_specs_count_where_they_decide_what_is_simulated() -> None:
    def gated(found: Circuit, threshold: float) -> str:
        gate = Gate((spec("gain").model_copy(update={"threshold": threshold}),))
        decks = build_decks(found)
        return DesignKeys(found, decks, conditions(found, decks, gate)).of(VALUES, "ngspice-39")

    corners = changed(corners=(Corner(), Corner(name="hot", temperature=85)))
    assert gated(corners, 0.1) != gated(corners, 0.2)
    assert gated(corners, 0.1) == gated(corners, 0.1) != key(corners)
    single = circuit(DIVIDER)
    assert gated(single, 0.1) == gated(single, 0.2) == key(single)
