from __future__ import annotations

import pytest
from pydantic import ValidationError

from circuits.definition import Circuit, Metric
from circuits.loader import load_circuit

GOOD = load_circuit("two_stage_amplifier")
VALUES = {variable.name: variable.low for variable in GOOD.variables}


def changed(**fields: object) -> Circuit:
    return Circuit.model_validate(GOOD.model_dump() | fields)


def test_there_and_back_through_json() -> None:
    again = Circuit.model_validate_json(GOOD.model_dump_json())
    assert again == GOOD
    assert again.content_hash == GOOD.content_hash


def test_hash_covers_the_netlists() -> None:
    files = GOOD.files | {"bench.cir": GOOD.files["bench.cir"] + "* x\n"}
    assert changed(files=files).content_hash != GOOD.content_hash


def test_specs_and_metrics_by_name() -> None:
    assert GOOD.specs() == GOOD.specs("paper")
    with pytest.raises(KeyError, match="has no spec set 'x'; it has paper"):
        GOOD.specs("x")
    assert GOOD.metric("gain").unit == "dB"
    with pytest.raises(KeyError, match="no metric 'x'; it has gain, cmrr"):
        GOOD.metric("x")


def test_snap() -> None:
    assert GOOD.snap({**VALUES, "w1": 1.0})["w1"] == 50e-6
    assert list(GOOD.snap(dict(reversed(VALUES.items())))) == GOOD.variable_names
    with pytest.raises(KeyError, match="no variable zz; no value for w1"):
        GOOD.snap({"zz": 1, **{name: v for name, v in VALUES.items() if name != "w1"}})


def test_unit_cube() -> None:
    assert GOOD.to_unit(VALUES) == [0.0] * 14
    assert GOOD.from_unit([0.0] * 14) == VALUES
    with pytest.raises(ValueError, match="zip"):
        GOOD.from_unit([0.0])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"parameters": {"x\n.control": 1}}, "pattern"),
        ({"parameters": {"VDD": 2}}, "pattern"),
        ({"parameters": {"vdd": float("nan")}}, "finite"),
        ({"parameters": {"w1": 1}}, "variable or parameter 'w1' is there twice"),
        ({"corners": [{"process": "ss\n.lib"}]}, "pattern"),
        ({"mismatch": {"nch": {"avt": -1e-9}}}, "greater than or equal to 0"),
        ({"mismatch": {"NCH": {"avt": 1e-9}}}, "pattern"),
        ({"corners": []}, "at least 1"),
        ({"corners": [{"parameters": {"zz": 1}}]}, "corner nominal: unknown parameter 'zz'"),
        ({"corners": [{"temperature": -300}]}, "greater than -273.15"),
        ({"corners": [{}, {}]}, "corner 'nominal' is there twice"),
        ({"name": "../x"}, "pattern"),
        ({"variables": []}, "at least 1"),
        ({"metrics": [{"name": "gain", "expression": "a.b"}]}, "only numbers, names"),
        ({"device_groups": [{"name": "g", "devices": ["m1"], "variables": ["zz"]}]}, "unknown var"),
        ({"device_groups": [{"name": "g", "devices": ["m1"]}] * 2}, "device group 'g' is there tw"),
    ],
)
def test_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        changed(**fields)
    assert message in str(raised.value)


def test_netlist_paths_are_normal() -> None:
    found = changed(testbenches=[{"name": "b", "netlist": "./sub/../x.cir"}])
    assert found.testbenches[0].netlist == "x.cir"


def test_a_spec_names_corners_of_its_circuit() -> None:
    [specs] = GOOD.model_dump()["spec_sets"]
    specs["specs"][0]["corners"] = ["hot"]
    with pytest.raises(ValidationError, match="spec on gain: unknown corner 'hot'; known are nom"):
        changed(spec_sets=[specs])
    found = changed(spec_sets=[specs], corners=[{"name": "nominal"}, {"name": "hot"}])
    assert [found.specs()[0].holds_in(name) for name in found.corner_names] == [False, True]
    assert found.specs()[1].holds_in("nominal")


def test_what_a_metric_requires() -> None:
    metric = Metric(name="pm", required_above=0, required_below=180)
    assert [metric.works(value) for value in (-1.0, 0.0, 60.0, 180.0)] == [
        False,
        False,
        True,
        False,
    ]
    assert metric.has_requirement
    assert Metric(name="pm").works(-1e9)
    with pytest.raises(ValidationError, match="nothing is above 2 and below 1"):
        Metric(name="pm", required_above=2, required_below=1)
