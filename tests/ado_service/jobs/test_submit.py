"""A job that cannot be run is refused before anything is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ado_service.job_config import JobConfig, Method, Start
from ado_service.jobs.asked import SubmissionError
from ado_service.jobs.submit import submit
from ado_service.llm.profile import LLMProfile
from ado_service.settings import Settings
from ado_service.store.errors import IdempotencyConflict
from ado_service.store.job_record import WantedState
from ado_service.store.jobs import Idempotency
from ado_service.store.store import Store
from circuits.spec import Direction, Spec
from tests.ado_service.store.builders import GAIN, circuit, new_job


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


WRONG = Spec(metric="speed", direction=Direction.ABOVE, threshold=1, norm=1, weight=1, penalty=-1)


@pytest.mark.parametrize(
    ("name", "config", "field", "said"),
    [
        ("no_such_circuit", {}, "circuit", "two_stage_amplifier"),
        ("../../etc/passwd", {}, "circuit", "Known are"),
        ("two_stage_amplifier", {"spec_set": "hard"}, "spec_set", "paper"),
        ("two_stage_amplifier", {"specs": (WRONG,)}, "specs.0.metric", "gain"),
        ("two_stage_amplifier", {"llm": "gpt"}, "llm", "none is configured"),
        ("two_stage_amplifier", {"replay": "job_gone"}, "replay", "job_gone"),
    ],
)
def test_errors_name_the_field_and_the_cure(
    store: Store, settings: Settings, name: str, config: dict[str, object], field: str, said: str
) -> None:
    with pytest.raises(SubmissionError) as raised:
        submit(store, settings, name, JobConfig.model_validate(config))
    assert raised.value.field == field
    assert said in str(raised.value)
    assert store.jobs.page().items == ()
    assert store.circuits.newest() == []


@pytest.mark.parametrize("budget", [0, -1, 100_001])
def test_an_impossible_budget_is_refused(budget: int) -> None:
    with pytest.raises(ValidationError, match="budget"):
        JobConfig(budget=budget)


def test_a_repeated_request_finds_its_job_when_its_profile_is_gone(
    store: Store, tmp_path: Path
) -> None:
    profile = LLMProfile(base_url="http://127.0.0.1:9/v1", model="none")
    with_llm = Settings(data_dir=tmp_path, llm_profiles={"house": profile})
    once, config = Idempotency("key", "hash"), JobConfig(llm="house")
    first, _ = submit(store, with_llm, "two_stage_amplifier", config, once)
    again = submit(store, Settings(data_dir=tmp_path), "two_stage_amplifier", config, once)
    assert again == (first, False)


def test_a_conflicting_request_writes_no_circuit(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(store, settings, circuit(), JobConfig(), Idempotency("key", "hash"))
    # As for a request whose key is written by another one while it is looked at.
    monkeypatch.setattr(store.jobs, "of_key", lambda _: None)
    with pytest.raises(IdempotencyConflict):
        submit(store, settings, circuit("other"), JobConfig(), Idempotency("key", "other"))
    assert [one.name for one in store.circuits.newest()] == ["amplifier"]


def ended_job(store: Store, **config: Any) -> str:
    job_id = new_job(store, **config)
    store.jobs.set_wanted_state(job_id, WantedState.CANCEL)
    return job_id


def test_only_an_ended_job_is_replayed(store: Store, settings: Settings) -> None:
    job_id = new_job(store)
    with pytest.raises(SubmissionError, match=r"is queued\. Wait for its end") as raised:
        submit(store, settings, circuit(), JobConfig(replay=job_id))
    assert raised.value.field == "replay"
    store.jobs.set_wanted_state(job_id, WantedState.CANCEL)
    job, _ = submit(store, settings, circuit(), JobConfig(replay=job_id))
    assert job.message == ""


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"seed": 2}, "seed"),
        ({"budget": 20, "batch": 4, "initial": 3}, "budget, initial, batch"),
        ({"method": "gp-bo"}, "method"),
        ({"start": "sobol", "demonstrations": "none", "top_k": 2}, "demonstrations, top_k, start"),
        ({"specs": (GAIN.model_copy(update={"threshold": 2.0}),)}, "specs"),
        ({"spec_set": "typical"}, ""),
        ({"specs": (GAIN,)}, ""),
    ],
)
def test_a_replay_says_in_what_it_differs(
    store: Store, settings: Settings, config: dict[str, Any], named: str
) -> None:
    replayed = ended_job(store)
    asked = JobConfig.model_validate({**config, "replay": replayed})
    job, _ = submit(store, settings, circuit(), asked)
    said = f"no exact reproduction of {replayed}: it differs in {named}" if named else ""
    assert job.message == said


def test_a_replay_of_another_circuit_says_so(store: Store, settings: Settings) -> None:
    config = JobConfig(replay=ended_job(store), seed=3)
    job, _ = submit(store, settings, circuit("other"), config)
    assert job.message.endswith("it differs in circuit, seed")


def test_a_replay_asks_no_llm(store: Store, settings: Settings) -> None:
    config = JobConfig(replay=ended_job(store), llm="gone", method=Method.LLM)
    job, _ = submit(store, settings, circuit(), config)
    assert job.config.llm is None


def test_a_model_that_costs_nothing_is_asked_for_spare_designs(
    store: Store, settings: Settings
) -> None:
    there = LLMProfile(base_url="http://127.0.0.1:1/v1", model="m")
    profiles = {"there": there, "here": there.model_copy(update={"base_url": "local"})}
    settings = settings.model_copy(update={"llm_profiles": profiles})

    def candidates(**config: Any) -> int:
        job, _ = submit(store, settings, circuit(), JobConfig.model_validate(config))
        return job.config.candidates

    assert candidates() == 1
    assert candidates(llm="there") == 1
    assert candidates(llm="there", candidates=3) == 3
    assert candidates(llm="here") == 4
    assert candidates(llm="here", candidates=1) == 1
    job, _ = submit(store, settings, circuit(), JobConfig(llm="here"))
    store.jobs.set_wanted_state(job.id, WantedState.CANCEL)
    again, _ = submit(store, settings, circuit(), JobConfig(replay=job.id))
    assert (again.config.candidates, again.message) == (4, ""), "a replay reads as many"


@pytest.mark.parametrize("config", [JobConfig(method=Method.LLM), JobConfig(start=Start.LLM)])
def test_who_needs_an_llm_must_have_one(
    store: Store, settings: Settings, config: JobConfig
) -> None:
    with pytest.raises(SubmissionError, match=r"'llm' has nobody to ask\. Name an LLM") as raised:
        submit(store, settings, circuit(), config)
    assert raised.value.field == "llm"
    assert store.jobs.page().items == ()


def test_a_circuit_on_record_is_found_when_its_folder_is_gone(
    store: Store, settings: Settings
) -> None:
    job, _ = submit(store, settings, "two_stage_amplifier", JobConfig())
    stored = store.circuits.get(job.circuit_hash).definition
    renamed = stored.model_copy(update={"name": "my_amplifier"})
    submit(store, settings, renamed, JobConfig())
    again, created = submit(store, settings, "my_amplifier", JobConfig(seed=2))
    assert created
    assert again.circuit_name == "my_amplifier"
