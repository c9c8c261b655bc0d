"""The OpenAPI description: kept on record, so that a change of the API is a change of a file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ado_service.api.design import Design
from ado_service.api.event import Event
from ado_service.api.examples import EXAMPLES
from ado_service.api.job import Job, JobDetail
from ado_service.api.transcripts import Turn
from ado_service.job_config import JobConfig
from tests.ado_service.api.live import Live

SNAPSHOT = Path(__file__).with_name("openapi.json")


@pytest.fixture(scope="module")
def described(live: Live) -> dict[str, Any]:
    found: dict[str, Any] = live.get("/openapi.json")
    return found


def _operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            yield path, method, operation


def test_the_description_is_the_one_on_record(described: dict[str, Any]) -> None:
    described = {**described, "info": {**described["info"], "version": "*"}}
    text = json.dumps(described, indent=1, sort_keys=True) + "\n"
    if os.environ.get("ADO_UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(text)
    assert text == SNAPSHOT.read_text(), "run this test with ADO_UPDATE_SNAPSHOTS=1 and look"


def test_every_operation_is_named_and_explained(described: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in _operations(described)]
    assert len(names) == len(set(names))
    assert all(name.isalnum() for name in names)
    for path, method, operation in _operations(described):
        assert operation["summary"], (path, method)
        assert operation["description"], (path, method)
        assert len(operation["tags"]) == 1


def test_every_operation_documents_its_errors(described: dict[str, Any]) -> None:
    for path, method, operation in _operations(described):
        wanted = {"401", "403", "405", "422", "500", "503"}
        wanted |= {"404"} if "{" in path else set()
        wanted |= {"413", "415"} if "requestBody" in operation else set()
        assert wanted <= set(operation["responses"]), (path, method)
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert set(response["content"]) == {"application/problem+json"}
                schema = response["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    def check(value: Any) -> None:
        if isinstance(value, dict):
            reference = value.get("$ref")
            if isinstance(reference, str):
                *_, name = reference.split("/")
                assert name in described["components"]["schemas"], reference
            for item in value.values():
                check(item)
        elif isinstance(value, list):
            for item in value:
                check(item)

    check(described)
    assert "HTTPValidationError" not in described["components"]["schemas"]


def _schema(described: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    whole = {**schema, "components": described["components"]}
    Draft202012Validator.check_schema(whole)
    return Draft202012Validator(whole)


def test_examples_fit_their_schemas(described: dict[str, Any]) -> None:
    count = 0
    for name, schema in described["components"]["schemas"].items():
        validator = _schema(described, {"$ref": f"#/components/schemas/{name}"})
        for example in schema.get("examples", ()):
            validator.validate(example)
            count += 1
    for _, _, operation in _operations(described):
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        for example in body.get("examples", {}).values():
            _schema(described, body["schema"]).validate(example["value"])
            count += 1
    assert count >= 8


def test_examples_show_what_is_really_there() -> None:
    assert set(EXAMPLES["Job"]["config"]) == set(JobConfig.model_fields)
    shown_as = {"Job": Job, "JobDetail": JobDetail, "Design": Design, "Turn": Turn, "Event": Event}
    for name, shown in shown_as.items():
        assert set(EXAMPLES[name]) == set(shown.model_fields)
    devices = [device for device in EXAMPLES["Design"]["regions"] if device.startswith("xdut.")]
    assert not devices, "the store keeps devices without the instance of the circuit"


@pytest.mark.parametrize("example", ["random", "gp-bo", "pareto"])
def test_the_examples_of_a_job_are_accepted(
    live: Live, described: dict[str, Any], example: str
) -> None:
    body = described["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]
    answer = live.client.post("/v1/jobs", json=body["examples"][example]["value"])
    assert answer.status_code == 202
    validator = _schema(described, {"$ref": "#/components/schemas/Job"})
    validator.validate(answer.json())
