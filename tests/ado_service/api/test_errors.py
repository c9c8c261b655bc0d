"""Every error has one shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from ado_service.api.body_limit import LARGEST_BODY
from ado_service.store.errors import BadDatabaseUrl, DatabaseUnavailable
from tests.ado_service.api.live import Live

JSON = {"Content-Type": "application/json"}


def problem(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """The problem document of an answer, which must have this status and kind."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["type"] == f"urn:problem-type:ado:{kind}"
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    assert set(document) <= {"type", "title", "status", "detail", "errors", "findings"}
    for error in document.get("errors", ()):
        assert set(error) == {"location", "pointer", "detail"}
        assert error["pointer"] == "" or error["pointer"].startswith("/")
        assert error["detail"]
    for finding in document.get("findings", ()):
        assert {"file", "problem", "cure"} <= set(finding) <= {"file", "line", "problem", "cure"}
        assert all(finding.values())
    return document


@dataclass(frozen=True)
class Case:
    """A request that must fail, and how."""

    status: int
    kind: str
    method: str
    path: str
    send: dict[str, Any] = field(default_factory=dict)
    pointer: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


def _job(**body: Any) -> dict[str, Any]:
    return {"json": {"circuit": "two_stage_amplifier", **body}}


_INVALID = "invalid-request"
_SPEC = {"direction": ">", "threshold": 60, "norm": 60, "weight": 1, "penalty": -1}
_CASES = {
    "no-route": Case(404, "not-found", "GET", "/v1/nothing"),
    "no-root": Case(404, "not-found", "GET", "/"),
    "trailing-slash": Case(404, "not-found", "GET", "/v1/jobs/"),
    "no-job": Case(404, "not-found", "GET", "/v1/jobs/job_none"),
    "no-job-summary": Case(404, "not-found", "GET", "/v1/jobs/job_none/summary"),
    "no-job-designs": Case(404, "not-found", "GET", "/v1/jobs/job_none/designs"),
    "no-job-events": Case(404, "not-found", "GET", "/v1/jobs/job_none/events"),
    "no-job-transcript": Case(404, "not-found", "GET", "/v1/jobs/job_none/transcript"),
    "no-job-wish": Case(
        404, "not-found", "PUT", "/v1/jobs/none/wanted-state", {"json": {"wanted_state": "run"}}
    ),
    "no-design": Case(404, "not-found", "GET", "/v1/designs/1000000"),
    "no-design-number": Case(404, "not-found", "GET", "/v1/designs/one"),
    "no-circuit": Case(404, "not-found", "GET", "/v1/circuits/nothing"),
    "method": Case(405, "method-not-allowed", "DELETE", "/v1/jobs", headers={"allow": "GET, POST"}),
    "method-one": Case(
        405, "method-not-allowed", "POST", "/v1/designs/1", headers={"allow": "GET"}
    ),
    "large-body": Case(
        413,
        "content-too-large",
        "POST",
        "/v1/jobs",
        {"content": b" " * (LARGEST_BODY + 1), "headers": JSON},
    ),
    "no-type": Case(415, "unsupported-media-type", "POST", "/v1/jobs", {"content": b"{}"}),
    "form": Case(415, "unsupported-media-type", "POST", "/v1/jobs", {"data": {"circuit": "x"}}),
    "no-body": Case(422, _INVALID, "POST", "/v1/jobs", {"headers": JSON}, ""),
    "no-json": Case(422, _INVALID, "POST", "/v1/jobs", {"content": b"{", "headers": JSON}, ""),
    "no-object": Case(422, _INVALID, "POST", "/v1/jobs", {"json": []}, ""),
    "no-circuit-named": Case(422, _INVALID, "POST", "/v1/jobs", {"json": {}}, "/circuit"),
    "unknown-circuit": Case(
        422, _INVALID, "POST", "/v1/jobs", {"json": {"circuit": "../secrets"}}, "/circuit"
    ),
    "unknown-field": Case(422, _INVALID, "POST", "/v1/jobs", _job(colour="blue"), "/colour"),
    "no-budget": Case(422, _INVALID, "POST", "/v1/jobs", _job(budget=0), "/budget"),
    "large-batch": Case(422, _INVALID, "POST", "/v1/jobs", _job(budget=5, batch=6), "/batch"),
    "unknown-llm": Case(422, _INVALID, "POST", "/v1/jobs", _job(llm="nobody"), "/llm"),
    "nobody-to-ask": Case(422, _INVALID, "POST", "/v1/jobs", _job(method="llm"), "/llm"),
    "unknown-spec-set": Case(422, _INVALID, "POST", "/v1/jobs", _job(spec_set="x"), "/spec_set"),
    "unknown-metric": Case(
        422,
        _INVALID,
        "POST",
        "/v1/jobs",
        _job(specs=[{"metric": "loudness", **_SPEC}]),
        "/specs/0/metric",
    ),
    "bad-spec": Case(
        422,
        _INVALID,
        "POST",
        "/v1/jobs",
        _job(specs=[{"metric": "gain", **_SPEC, "norm": 0}]),
        "/specs/0/norm",
    ),
    "bad-key": Case(
        422,
        _INVALID,
        "POST",
        "/v1/jobs",
        {**_job(), "headers": {"Idempotency-Key": "a b"}},
        "/Idempotency-Key",
    ),
    "bad-wish": Case(
        422,
        _INVALID,
        "PUT",
        "/v1/jobs/none/wanted-state",
        {"json": {"wanted_state": "explode"}},
        "/wanted_state",
    ),
    "unknown-parameter": Case(422, _INVALID, "GET", "/v1/jobs?colour=blue", pointer="/colour"),
    "parameter-for-nothing": Case(422, _INVALID, "GET", "/v1/readyz?verbose=1", pointer="/verbose"),
    "doubled-parameter": Case(422, _INVALID, "GET", "/v1/jobs?limit=1&limit=2", pointer="/limit"),
    "bad-state": Case(422, _INVALID, "GET", "/v1/jobs?state=lost", pointer="/state"),
    "bad-cursor": Case(422, _INVALID, "GET", "/v1/jobs?cursor=nonsense", pointer="/cursor"),
    "bad-event-id": Case(
        422,
        _INVALID,
        "GET",
        "/v1/jobs/none/events",
        {"headers": {"Last-Event-ID": "-1"}},
        "/Last-Event-ID",
    ),
}


@pytest.mark.parametrize("name", _CASES)
def test_every_error_is_a_problem_document(live: Live, name: str) -> None:
    case = _CASES[name]
    answer = live.client.request(case.method, case.path, **case.send)
    document = problem(answer, case.status, case.kind)
    if case.pointer is not None:
        assert case.pointer in [error["pointer"] for error in document["errors"]]
    for header, value in case.headers.items():
        assert answer.headers[header] == value


def test_refused_jobs_leave_nothing_behind(live: Live) -> None:
    for case in _CASES.values():
        live.client.request(case.method, case.path, **case.send)
    assert live.get("/v1/jobs")["items"] == []
    assert live.store.circuits.newest() == []


def test_a_mistake_of_ours_tells_nothing(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_id: int) -> None:
        raise ValueError("a secret")

    monkeypatch.setattr(live.service.store.designs, "get", fail)
    answer = live.client.get("/v1/designs/1")
    problem(answer, 500, "internal")
    assert "secret" not in answer.text


def test_a_broken_set_up_tells_nothing(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_id: int) -> None:
        raise BadDatabaseUrl("a secret")

    monkeypatch.setattr(live.service.store.designs, "get", fail)
    answer = live.client.get("/v1/designs/1")
    problem(answer, 500, "internal")
    assert "secret" not in answer.text


def test_an_absent_database_is_a_matter_of_time(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_id: int) -> None:
        raise DatabaseUnavailable("the database at a secret place does not answer")

    monkeypatch.setattr(live.service.store.designs, "get", fail)
    answer = live.client.get("/v1/designs/1")
    problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert "secret" not in answer.text


def test_a_body_without_a_length_is_counted(live: Live) -> None:
    def parts() -> Any:
        yield b'{"circuit": "'
        for _ in range(20):
            yield b"x" * (LARGEST_BODY // 16)

    answer = live.client.post("/v1/jobs", content=parts(), headers=JSON)
    problem(answer, 413, "content-too-large")


def test_the_largest_body_is_read(live: Live) -> None:
    body = b'{"circuit": "nothing"}'
    answer = live.client.post("/v1/jobs", content=body.rjust(LARGEST_BODY), headers=JSON)
    problem(answer, 422, "invalid-request")


def test_there_are_never_too_many_errors(live: Live) -> None:
    specs = [{"metric": "gain"}] * 10_000
    answer = live.client.post("/v1/jobs", json={"circuit": "two_stage_amplifier", "specs": specs})
    assert len(problem(answer, 422, "invalid-request")["errors"]) == 50


_TOLD: dict[str, tuple[str, str, str]] = {
    "list": ('"warm_start": "two_stage_amplifier"', "/warm_start", 'such as ["two_stage_ampl'),
    "null": ('"warm_start": null', "/warm_start", "leave it out for none"),
    "specs": ('"specs": "gain"', "/specs", "this must be a list"),
    "spec": (
        '"specs": [{"metric": "gain", "direction": ">", "threshold": 60, "norm": 0, "weight": 1, '
        '"penalty": -1}]',
        "/specs/0/norm",
        "greater than 0",
    ),
    "nan": ('"time_limit": NaN', "", "character 49: NaN is no JSON number; write a number"),
    "twice": ('"seed": 1, "seed": 2', "", "character 46: the name 'seed' is there twice"),
    "digits": (f'"seed": {"9" * 5000}', "", "character 43: a number of 5000 digits is too long"),
    "budget": ('"budget": 1000000000, "method": "gp-bo"', "/budget", "lower budget to 2000"),
    "true": ('"budget": true', "/budget", "true is no number"),
}


@pytest.mark.parametrize("name", _TOLD)
def test_one_mistake_is_one_plain_error(live: Live, name: str) -> None:
    field, pointer, said = _TOLD[name]
    body = f'{{"circuit": "two_stage_amplifier", {field}}}'
    answer = live.client.post("/v1/jobs", content=body, headers=JSON)
    [error] = problem(answer, 422, "invalid-request")["errors"]
    assert error["pointer"] == pointer
    assert said in error["detail"]


def test_what_can_be_sorted_by_is_said_in_words(live: Live) -> None:
    for address in ("/v1/designs", "/v1/jobs/none/designs", "/v1/jobs/none/pareto"):
        answer = live.client.get(address, params={"sort": "x"})
        [error] = problem(answer, 422, "invalid-request")["errors"]
        assert error["detail"].startswith("cannot sort by 'x'; write id, fom or metric:NAME")


_HOSTILE_BODIES: dict[str, bytes] = {
    "doubled-name": b'{"circuit": "two_stage_amplifier", "circuit": "two_stage_amplifier"}',
    "nan": b'{"circuit": "two_stage_amplifier", "time_limit": NaN}',
    "infinity": b'{"circuit": "two_stage_amplifier", "time_limit": -Infinity}',
    "huge-float": b'{"circuit": "two_stage_amplifier", "time_limit": 1e999}',
    "huge-integer": b'{"circuit": "two_stage_amplifier", "seed": ' + b"9" * 5000 + b"}",
    "large-seed": b'{"circuit": "two_stage_amplifier", "seed": 9223372036854775808}',
    "deep": b"[" * 100_000,
    "not-utf-8": b'{"circuit": "\xff\xfe"}',
    "utf-16": '{"circuit": "x"}'.encode("utf-16"),
    "nul": b'{"circuit": "two_stage_amplifier\\u0000"}',
    "surrogate": b'{"circuit": "\\ud800"}',
    "surrogate-name": b'{"circuit": "two_stage_amplifier", "\\udfff": 1}',
    "surrogate-llm": b'{"circuit": "two_stage_amplifier", "llm": "\\ud800"}',
    "long-name": b'{"circuit": "' + b"x" * 500_000 + b'"}',
    "long-field": b'{"circuit": "two_stage_amplifier", "' + b"x" * 500_000 + b'": 1}',
    "number": b'{"circuit": 5}',
    "string-budget": b'{"circuit": "two_stage_amplifier", "budget": "1e3"}',
    "nothing": b"",
    "null": b"null",
}


@pytest.mark.parametrize("name", _HOSTILE_BODIES)
def test_hostile_bodies_are_refused(live: Live, name: str) -> None:
    answer = live.client.post("/v1/jobs", content=_HOSTILE_BODIES[name], headers=JSON)
    problem(answer, 422, "invalid-request")
    assert len(answer.content) < 20_000
    assert live.get("/v1/jobs")["items"] == []


_HOSTILE_PATHS = [
    "/v1/designs/-1",
    "/v1/designs/99999999999999999999999",
    "/v1/designs/" + "9" * 5000,
    "/v1/designs/1e3",
    "/v1/designs/%00",
    "/v1/designs/%ff",
    "/v1/jobs/%00",
    "/v1/jobs/%ed%a0%80",
    "/v1/jobs/" + "x" * 20_000,
    "/v1/jobs/..%2f..%2fetc%2fpasswd",
    "/v1/circuits/%00",
    "/v1/circuits/..%2f..",
    "/v1/circuits/%2fetc",
    "/v1/jobs/" + "x" * 100 + "/events",
]


@pytest.mark.parametrize("path", _HOSTILE_PATHS, ids=range(len(_HOSTILE_PATHS)))
def test_hostile_addresses_are_not_found(live: Live, path: str) -> None:
    answer = live.client.get(path)
    problem(answer, 404, "not-found")
    assert len(answer.content) < 20_000


_HOSTILE_QUERIES = [
    "limit=0",
    "limit=201",
    "limit=-1",
    "limit=1e9",
    "limit=99999999999999999999999999",
    "limit=",
    "limit=NaN",
    "cursor=",
    "cursor=" + "x" * 5000,
    "cursor=" + "x" * 1500,
    "cursor=%00",
    "cursor=%ff%fe",
    "cursor=WzEsMiwzXQ",
    "sort=gain",
    "sort=metric:",
    "sort=metric:%00",
    "sort=" + "metric:" + "x" * 300,
    "sort=--fom",
    "metric=gain",
    "metric=gain:1",
    "metric=gain:x:",
    "metric=gain:nan:",
    "metric=gain:1e999:",
    "metric=gain:2:1",
    "metric=gain:1M:",
    "metric=:1:2",
    "metric=" + "x" * 400 + ":1:2",
    "&".join(["metric=gain:1:2"] * 21),
    "fom=1",
    "fom=2:1",
    "fom=inf:",
    "feasible=perhaps",
    "state=lost",
    "circuit=",
    "circuit=" + "x" * 300,
    "limit=1&limit=1",
    "%ff=1",
    "a" * 20_000 + "=1",
]


@pytest.mark.parametrize("query", _HOSTILE_QUERIES, ids=range(len(_HOSTILE_QUERIES)))
def test_hostile_queries_are_refused(live: Live, query: str) -> None:
    answer = live.client.get(f"/v1/designs?{query}")
    problem(answer, 422, "invalid-request")
    assert len(answer.content) < 20_000


@pytest.mark.parametrize(
    "query", ["circuit=%00", "job=%ed%a0%80", "proposer=%27;--", "failure=%ff", "metric=x::"]
)
def test_odd_filters_find_nothing(live: Live, query: str) -> None:
    assert live.client.get(f"/v1/designs?{query}").json()["items"] == []
