"""Whatever is sent, the answer is a result or a problem document, and never a mistake of ours."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ado_service.api.uploads import NEW_CIRCUITS
from tests.ado_service.api.live import Live

_MANY = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_SPEC = st.fixed_dictionaries(
    {},
    optional={
        "metric": st.sampled_from(["gain", "loudness", ""]) | _JSON,
        "direction": st.sampled_from(["<", ">", "="]),
        **dict.fromkeys(("threshold", "norm", "weight", "penalty", "clip"), _JSON),
    },
)
_FIELDS = """
    spec_set budget initial batch seed llm demonstrations top_k start stop_when_feasible time_limit
    replay colour objective llm_share warm_start
""".split()
_JOB = st.fixed_dictionaries(
    {"circuit": st.sampled_from(["two_stage_amplifier"]) | _JSON},
    optional={
        "specs": st.lists(_SPEC, max_size=2) | _JSON,
        "method": st.sampled_from(["random", "gp-bo", "llm", "ado-llm"]) | _JSON,
        **dict.fromkeys(_FIELDS, _JSON),
    },
)
_FILES = NEW_CIRCUITS["divider"]["value"]["files"]
_LINES = st.sampled_from(
    [".control", ".endc", "shell id", ".include x", ".include ac.cir", ".lib 'x' tt", "x1 out s",
     ".subckt s a", ".ends", "+", ".param r=", ".ac", ".tran 1n 1u", "m1 a b c d n", "b1 x 0 v=1/0",
     ".model n nmos", ".meas ac gain", "- {name: r}", "metrics: 1", "files: {}", "&a", "*a", "\t"]
)  # fmt: skip


def _spoilt(text: str) -> st.SearchStrategy[str]:
    """`text` with a few lines in other places, doubled, missing or new."""
    lines = st.lists(st.sampled_from(text.splitlines()) | _LINES | st.text(max_size=20), max_size=9)
    return st.tuples(lines, st.integers(0, len(text))).map(
        lambda drawn: text[: drawn[1]] + "\n" + "\n".join(drawn[0]) + "\n" + text[drawn[1] :]
    )


_UPLOAD = st.fixed_dictionaries(
    {
        "files": st.fixed_dictionaries(
            {name: st.just(text) | _spoilt(text) for name, text in _FILES.items()}
        )
        | st.dictionaries(st.sampled_from([*_FILES, "../x", "/x"]) | st.text(), _JSON)
    }
)
_TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    ["1", "-1", "true", "id", "-fom", "metric:gain", "gain:1:2", "gain::", "1:", "1meg:", "done"]
)
_NAMES = st.sampled_from(
    ["circuit", "job", "feasible", "proposer", "failure", "state", "metric", "fom", "sort",
     "limit", "cursor", "corners", "after"]
)  # fmt: skip
_PATHS = st.sampled_from(
    [
        "/v1/designs",
        "/v1/jobs",
        "/v1/circuits",
        "/v1/readyz",
        "/v1/jobs/x/events",
        "/v1/jobs/x/pareto",
        "/openapi.json",
    ]
)


def _check(answer: httpx.Response) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
    else:
        json.loads(answer.text or "null", parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise AssertionError(f"{name} is no JSON")


@_MANY
@given(body=_JOB | _JSON)
def test_any_job(live: Live, body: Any) -> None:
    content = json.dumps(body).encode()
    _check(
        live.client.post("/v1/jobs", content=content, headers={"Content-Type": "application/json"})
    )


@_MANY
@given(body=_UPLOAD | _JSON)
def test_any_upload(live: Live, body: Any) -> None:
    headers = {"Content-Type": "application/json"}
    _check(live.client.post("/v1/circuits", content=json.dumps(body).encode(), headers=headers))


@_MANY
@given(body=st.binary(max_size=200))
def test_any_bytes(live: Live, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    _check(live.client.post("/v1/jobs", content=body, headers=headers))
    _check(live.client.post("/v1/circuits", content=body, headers=headers))
    _check(live.client.put("/v1/jobs/x/wanted-state", content=body, headers=headers))


@_MANY
@given(path=_PATHS, query=st.lists(st.tuples(_NAMES | _TEXT, _TEXT), max_size=4))
def test_any_query(live: Live, path: str, query: list[tuple[str, str]]) -> None:
    _check(live.client.get(f"{path}?{urlencode(query)}"))


@_MANY
@given(
    place=st.sampled_from(["circuits", "jobs", "designs"]),
    name=st.binary(min_size=1, max_size=30),
    rest=st.sampled_from(["", "/designs", "/events", "/transcript", "/summary"]),
)
def test_any_address(live: Live, place: str, name: bytes, rest: str) -> None:
    _check(live.client.get(f"/v1/{place}/{quote(name, safe='')}{rest}"))
    _check(live.client.delete(f"/v1/{place}/{quote(name, safe='')}{rest}"))


_HEADER = st.binary(max_size=30).map(
    lambda value: bytes(byte for byte in value if byte not in b"\0\r\n\x0b\x0c").strip()
)


@_MANY
@given(
    name=st.sampled_from(
        ["Accept", "If-None-Match", "Last-Event-ID", "Idempotency-Key", "Authorization",
         "Sec-Fetch-Site", "Content-Type", "X-Anything"]
    ),
    value=_HEADER,
)  # fmt: skip
def test_any_header(live: Live, name: str, value: bytes) -> None:
    headers = [(name.encode(), value)]
    try:
        _check(live.client.get("/v1/circuits/two_stage_amplifier", headers=headers))
        _check(live.client.get("/v1/jobs/x/events", headers=headers))
        _check(live.client.post("/v1/jobs", json={}, headers=headers))
    except httpx.LocalProtocolError:
        pass  # the client itself refuses to send it
