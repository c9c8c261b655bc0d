"""The schema of an answer keeps to what strict structured output knows."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from prompts.schema import answer_schema
from tests.prompts.circuit import small_circuit

KNOWN = {"type", "properties", "required", "additionalProperties", "items", "description"}
DESIGN = {"w1": "12.5u", "r1": "10k", "c1": "1p", "m1": "2"}


def check_strict(schema: dict[str, Any]) -> None:
    assert set(schema) <= KNOWN
    if schema["type"] == "object":
        assert schema["additionalProperties"] is False
        assert schema["required"] == list(schema["properties"])
        for inner in schema["properties"].values():
            check_strict(inner)
    if schema["type"] == "array":
        check_strict(schema["items"])


def test_it_is_a_strict_schema() -> None:
    schema = answer_schema(small_circuit(), 2)
    jsonschema.Draft202012Validator.check_schema(schema)
    check_strict(schema)


def test_reasoning_comes_before_the_values() -> None:
    assert list(answer_schema(small_circuit(), 2)["properties"]) == ["reasoning", "designs"]


def test_a_good_answer_fits() -> None:
    jsonschema.validate({"reasoning": "r", "designs": [DESIGN]}, answer_schema(small_circuit(), 1))


@pytest.mark.parametrize(
    "design", [DESIGN | {"w1": 12.5}, DESIGN | {"w9": "1u"}, {"w1": "12.5u"}, {}]
)
def test_a_poor_answer_does_not(design: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(
            {"reasoning": "r", "designs": [design]}, answer_schema(small_circuit(), 1)
        )


def test_ranges_units_and_roles_are_described() -> None:
    variables = answer_schema(small_circuit(), 1)["properties"]["designs"]["items"]["properties"]
    assert variables["w1"]["description"] == "120n to 50u, unit m; width"
    assert variables["m1"]["description"] == "1 to 8; fingers"
