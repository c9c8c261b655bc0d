"""A job that cannot be run is refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from ado_service.jobs.submit import SubmissionError, submit
from ado_service.settings import Settings
from ado_service.store.job_config import JobConfig, Method
from ado_service.store.store import Store
from circuits.spec import Direction, Spec


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


WRONG = Spec(metric="speed", direction=Direction.ABOVE, threshold=1, norm=1, weight=1, penalty=-1)


@pytest.mark.parametrize(
    ("circuit", "config", "field", "said"),
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
    store: Store, settings: Settings, circuit: str, config: dict[str, object], field: str, said: str
) -> None:
    with pytest.raises(SubmissionError) as raised:
        submit(store, settings, circuit, JobConfig.model_validate(config))
    assert raised.value.field == field
    assert said in str(raised.value)
    assert store.jobs.page().items == ()
    assert store.circuits.newest() == []


@pytest.mark.parametrize("budget", [0, -1, 100_001])
def test_an_impossible_budget_is_refused(budget: int) -> None:
    with pytest.raises(ValidationError, match="budget"):
        JobConfig(budget=budget)


def test_an_llm_method_without_an_llm_is_refused() -> None:
    with pytest.raises(ValidationError, match="nobody to ask"):
        JobConfig(method=Method.LLM)


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
