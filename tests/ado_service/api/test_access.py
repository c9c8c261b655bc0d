"""Who is let in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ado_service.api.access import is_loopback
from ado_service.api.serve import BindError, check_bind, make_server
from tests.ado_service.api.live import Live, serving, settings
from tests.ado_service.api.test_errors import problem

KEY = "correct horse battery staple".replace(" ", "-")


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server with a key."""
    with serving(settings(tmp_path_factory.mktemp("api"), api_key=KEY)) as server:
        yield server


@pytest.mark.parametrize(
    "given",
    [None, "", "Bearer", f"Basic {KEY}", f"Bearer {KEY}x", f"Bearer x{KEY}", KEY,
     f"Bearer {KEY} {KEY}", "Bearer \u00e9".encode("latin-1")],
)  # fmt: skip
def test_without_the_key_nothing_is_told(live: Live, locked: Live, given: str | None) -> None:
    headers = {} if given is None else {"Authorization": given}
    for path in ("/v1/jobs", "/v1/readyz", "/v1/nothing", "/nothing"):
        answer = locked.client.get(path, headers=headers)
        problem(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    answer = locked.client.post("/v1/jobs", content=b"{", headers=headers)
    problem(answer, 401, "unauthorized")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_key_opens(locked: Live, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {KEY}", "Host": "sizing.example"}
    assert locked.client.get("/v1/jobs", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/v1/healthz", "/openapi.json"])
def test_some_addresses_need_no_key(locked: Live, path: str) -> None:
    assert locked.client.get(path).status_code == 200


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.9.9.9:80", "[::1]:8"]
)
def test_loopback_names_are_served(live: Live, host: str) -> None:
    assert live.client.get("/v1/jobs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "evil.example:8765", "10.0.0.1", "[::2]",
             "127.0.0.1.evil.example", "evil@localhost.example", "[", ""]
)  # fmt: skip
def test_foreign_names_are_not(live: Live, host: str) -> None:
    problem(live.client.get("/v1/healthz", headers={"Host": host}), 403, "foreign-host")


@pytest.mark.parametrize(
    ("site", "read", "write"),
    [("none", True, True), ("same-origin", True, True), ("same-site", True, False),
     ("cross-site", False, False)],
)  # fmt: skip
def test_pages_of_other_sites_are_refused(live: Live, site: str, read: bool, write: bool) -> None:
    headers = {"Sec-Fetch-Site": site}
    seen = live.client.get("/v1/jobs", headers=headers)
    assert (seen.status_code == 200) is read
    sent = live.client.post("/v1/jobs", json={}, headers=headers)
    assert (sent.status_code == 422) is write
    for answer in (seen, sent):
        if answer.status_code not in {200, 422}:
            problem(answer, 403, "cross-site")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("localhost", True), ("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("[::1]", True),
     ("0.0.0.0", False), ("::", False), ("", False), ("192.168.0.2", False), ("host", False),
     ("::ffff:10.0.0.1", False)],
)  # fmt: skip
def test_without_a_key_only_loopback_is_served(
    tmp_path_factory: pytest.TempPathFactory, host: str, loopback: bool
) -> None:
    assert is_loopback(host) is loopback
    folder = tmp_path_factory.getbasetemp()
    chosen = settings(folder).model_copy(update={"host": host})
    if loopback:
        check_bind(chosen)
    else:
        with pytest.raises(BindError, match="ADO_API_KEY"):
            make_server(chosen)
        with pytest.raises(BindError):
            check_bind(settings(folder, api_key="").model_copy(update={"host": host}))
        check_bind(settings(folder, api_key=KEY).model_copy(update={"host": host}))


def test_an_empty_key_opens_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(settings(tmp_path_factory.mktemp("api"), api_key="")) as server:
        headers = {"Host": "evil.example", "Authorization": "Bearer"}
        problem(server.client.get("/v1/jobs", headers=headers), 403, "foreign-host")


def test_the_description_says_what_needs_the_key(live: Live) -> None:
    paths = live.get("/openapi.json")["paths"]
    assert paths["/v1/healthz"]["get"]["security"] == []
    assert {"key": []} in paths["/v1/jobs"]["get"]["security"]
