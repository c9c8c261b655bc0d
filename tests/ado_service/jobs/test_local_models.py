"""Jobs whose LLM is a model of this process: no server, no key, and the same again every time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ado_service.job_config import JobConfig, Method
from ado_service.jobs.asked import SubmissionError
from ado_service.jobs.runner import Runner
from ado_service.jobs.submit import default_here, default_profile, submit
from ado_service.llm.endpoints import Endpoints
from ado_service.llm.profile import LLMProfile
from ado_service.local_llm import embedded
from ado_service.local_llm.hosted_models import HostedModels
from ado_service.local_llm.quantization import Quantization
from ado_service.model_registration import register_model
from ado_service.model_registry import ModelRegistry
from ado_service.settings import Settings
from ado_service.store.job_record import JobState
from ado_service.store.store import Store
from circuits.loader import load_circuit
from tests.ado_service.local_llm.tiny_models import save_model

CIRCUIT = "two_stage_amplifier"
SMALL: dict[str, Any] = {"budget": 3, "initial": 2, "batch": 1, "llm_share": "fixed"}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model with room for a prompt, which is some 6,000 bytes long."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    return save_model(folder, "llama", max_position_embeddings=16_384)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, processes=1)


@pytest.fixture
def files(settings: Settings, tiny: Path) -> Any:
    """A database that knows the model."""
    with Store.open(settings.database_url) as store:
        register_model(store, tiny, quantization=Quantization.NONE)
        yield store


def run_job(
    store: Store, settings: Settings, models: HostedModels | None = None, **config: Any
) -> str:
    asked = JobConfig.model_validate({**SMALL, "llm": "tiny", **config})
    job, _ = submit(store, settings, CIRCUIT, asked)
    lease = store.leases.claim("test", 30, job.id)
    assert lease is not None
    endpoints = None if models is None else Endpoints(settings.llm_profiles, models)
    assert Runner(store, settings, endpoints).run(lease) is None
    return job.id


def values(store: Store, job_id: str) -> list[dict[str, float]]:
    return [design.values for design in store.designs.of_job(job_id)]


@pytest.mark.slow
def test_a_job_repeats_bit_for_bit_and_every_answer_can_be_simulated(
    files: Store, settings: Settings
) -> None:
    loaded: list[str] = []

    class Counted(ModelRegistry):
        def __getitem__(self, name: str) -> Any:
            made = super().__getitem__(name)
            return Counting(made, loaded)

    with closing(HostedModels(Counted(files))) as models:
        first, again, other = (
            run_job(files, settings, models, seed=seed, method="llm") for seed in (1, 1, 2)
        )
    assert loaded == ["tiny"], "one process loads a model once, whatever the number of jobs"
    assert files.jobs.get(first).state is JobState.FINISHED
    assert values(files, first) == values(files, again) != values(files, other)
    for job_id in (first, other):
        turns = files.transcripts.of_job(job_id)
        assert [(turn.failure, turn.rejected) for turn in turns] == [(None, ())] * 2
        assert [turn.accepted for turn in turns] == [2, 1]
        assert {(turn.profile, turn.model) for turn in turns} == {("tiny", "tiny")}
    circuit = load_circuit(CIRCUIT)
    for design in files.designs.of_job(first):
        assert design.proposer == "llm"
        for variable in circuit.variables:
            assert variable.low <= design.values[variable.name] <= variable.high


class Counting:
    """A factory that tells when it loads."""

    def __init__(self, factory: Any, loaded: list[str]) -> None:
        self.source, self._factory, self._loaded = factory.source, factory, loaded

    def __call__(self) -> Any:
        self._loaded.append(self.source.name)
        return self._factory()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counting) and other.source == self.source

    def __hash__(self) -> int:
        return hash(self.source)


def test_a_profile_limits_what_a_job_may_ask(files: Store, settings: Settings) -> None:
    profile = LLMProfile(base_url="local", model="tiny", max_calls=1)
    limited = settings.model_copy(update={"llm_profiles": {"frugal": profile}})
    job_id = run_job(files, limited, llm="frugal")
    assert [turn.failure for turn in files.transcripts.of_job(job_id)] == [None, "budget"]
    assert [one.proposer for one in files.designs.of_job(job_id)] == ["llm", "llm", "gp"]
    assert "budget" in files.jobs.get(job_id).message


def test_a_profile_goes_before_a_model_of_its_name(files: Store, settings: Settings) -> None:
    nowhere = LLMProfile(base_url="http://127.0.0.1:1/v1", model="far", retries=0)
    chosen = settings.model_copy(update={"llm_profiles": {"tiny": nowhere}})
    job_id = run_job(files, chosen)
    assert {turn.model for turn in files.transcripts.of_job(job_id)} == {"far"}


def test_a_prompt_beyond_the_context_leaves_the_job_to_the_gp(
    files: Store, settings: Settings, tmp_path: Path
) -> None:
    register_model(files, save_model(tmp_path / "short", "llama"), quantization=Quantization.NONE)
    job_id = run_job(files, settings, llm="short")
    job = files.jobs.get(job_id)
    assert (job.state, job.simulations) == (JobState.FINISHED, 3)
    assert "refused, the model's maximum context length is 256 tokens" in job.message


def test_a_model_that_is_not_there_is_refused_at_once(files: Store, settings: Settings) -> None:
    with pytest.raises(SubmissionError, match=r"no LLM profile 'other'\. Known are: .*tiny"):
        submit(files, settings, CIRCUIT, JobConfig(llm="other"))


def test_a_process_that_ends_in_an_answer_hands_its_job_back(
    files: Store, settings: Settings
) -> None:
    undisturbed = values(files, run_job(files, settings))
    models = HostedModels(ModelRegistry(files))
    job, _ = submit(files, settings, CIRCUIT, JobConfig(**SMALL, llm="tiny"))
    lease = files.leases.claim("test", 30, job.id)
    assert lease is not None
    models.engine("tiny")
    stopping = threading.Timer(0.5, models.stop)
    with closing(models):
        stopping.start()
        Runner(files, settings, Endpoints({}, models)).run(lease)
    assert files.jobs.get(job.id).state is JobState.QUEUED
    assert all(turn.failure is None for turn in files.transcripts.of_job(job.id))
    lease = files.leases.claim("another", 30, job.id)
    assert lease is not None
    Runner(files, settings).run(lease)
    assert values(files, job.id) == undisturbed


def test_the_embedded_model_is_what_a_run_takes_when_nothing_is_said(
    settings: Settings, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "FOLDER", tmp_path / "embedded")
    assert default_here(settings, Method.ADO_LLM) is None
    shutil.copytree(tiny, tmp_path / "embedded")
    assert default_here(settings, Method.ADO_LLM) == default_here(settings, Method.LLM) == "local"
    assert default_here(settings, Method.GP_BO) is None
    profile = LLMProfile(base_url="http://127.0.0.1:1/v1", model="m")
    configured = settings.model_copy(update={"llm_profiles": {"house": profile}})
    assert default_here(configured, Method.ADO_LLM) is None
    chosen = configured.model_copy(update={"default_llm": "house"})
    assert default_here(chosen, Method.ADO_LLM) == "house"
    told = Settings(data_dir=tmp_path, default_llm="local")
    assert default_profile(told, Method.ADO_LLM) == "local"
    assert default_profile(settings, Method.ADO_LLM) is None, "a server has one if it is told one"
    never = Settings(data_dir=tmp_path, default_llm="none")
    assert default_here(never, Method.ADO_LLM) is default_profile(never, Method.LLM) is None


def test_the_embedded_model_answers_by_its_name(
    settings: Settings, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "FOLDER", shutil.copytree(tiny, tmp_path / "embedded"))
    with Store.open(settings.database_url) as store:
        job_id = run_job(store, settings, llm="local")
        (first, second) = store.transcripts.of_job(job_id)
    assert (first.failure, second.failure) == (None, None)


@pytest.mark.slow
def test_from_the_command_line(files: Store, tmp_path: Path) -> None:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ADO_")}

    budget = ["--budget", "3", "--initial", "2", "--batch", "1", "--llm-share", "fixed"]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "ado_service.cli",
            "run",
            CIRCUIT,
            "--llm",
            "tiny",
            *budget,
            "--json",
        ],
        capture_output=True,
        text=True,
        env=kept | {"ADO_DATA_DIR": str(tmp_path), "OMP_NUM_THREADS": "1"},
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["state"], found["simulations"]) == ("finished", 3)
    assert (found["llm"]["profile"], found["llm"]["calls"]) == ("tiny", 2)
    assert found["llm"]["accepted"] == 3
