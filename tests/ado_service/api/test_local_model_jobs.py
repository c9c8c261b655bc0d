"""Jobs with a model of the server that cannot be asked: what clients read of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from ado_service.local_llm.quantization import Quantization
from ado_service.model_registration import register_model
from ado_service.store.store import Store
from tests.ado_service.api.live import Live, serving, settings
from tests.ado_service.api.test_hosted_models import cut, gone
from tests.ado_service.local_llm.tiny_models import save_model

SMALL = {"circuit": "two_stage_amplifier", "budget": 3, "initial": 2, "batch": 1}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server with jobs and two models that were spoilt since they were put on record."""
    folder = tmp_path_factory.mktemp("secret-place")
    chosen = settings(folder)
    with Store.open(chosen.database_url) as store:
        for spoil in (cut, gone):
            path = save_model(folder / spoil.__name__, "llama")
            register_model(store, path, quantization=Quantization.NONE)
            spoil(path)
    with serving(chosen, run_jobs=True) as live:
        yield live


@pytest.mark.parametrize("model", ["cut", "gone"])
def test_where_the_model_lies_stands_in_the_log_alone(server: Live, model: str) -> None:
    with capture_logs() as logs:
        job_id = server.client.post("/v1/jobs", json={**SMALL, "llm": model}).json()["id"]
        job = server.finished(job_id)
    assert (job["state"], job["simulations"]) == ("finished", 3), "the GP takes its slots"
    assert f"LLM {model}: " in job["message"]
    turns = server.everything(f"/v1/jobs/{job_id}/transcript")
    assert {turn["failure"] for turn in turns} == {"refused"}
    assert all("log" in turn["detail"] for turn in turns)
    events = server.client.get(f"/v1/jobs/{job_id}/events", headers={"Accept": "application/json"})
    assert events.status_code == 200
    shown = [repr(job), repr(turns), events.text]
    shown += [server.client.get(f"/v1/jobs/{job_id}{path}").text for path in ("", "/summary")]
    assert not [text for text in shown if _secret(server) in text]
    logged = [one for one in logs if one["event"] == "model_not_loaded" and one["model"] == model]
    assert logged
    assert all(f"{_secret(server)}/{model}" in one["detail"] for one in logged)


def _secret(server: Live) -> str:
    return str(server.service.settings.data_dir)
