"""A small circuit, jobs on it that really run, and tiny models to tune on their designs."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from ado_service.job_config import JobConfig
from ado_service.jobs.runner import Runner
from ado_service.jobs.submit import submit
from ado_service.local_llm.model_folder import ModelFolder
from ado_service.local_llm.pretrain.vocabulary import trained
from ado_service.local_llm.quantization import Quantization
from ado_service.settings import Settings
from ado_service.store.model_record import ModelRecord
from ado_service.store.store import Store
from ado_service.tunings.data_set import DataSet
from ado_service.tunings.sources import find_jobs, subjects_of
from circuits.definition import Circuit, Metric
from circuits.spec import Direction, Spec
from circuits.variable import Variable
from tests.simulators.small import circuit as small_circuit

NETLIST = """* divider
v1 in 0 dc 2 ac 1
r1 in out {r}
r2 out 0 {s}
.op
.ac lin 1 1 1
.meas ac gain max vm(out)
"""
METRICS = (Metric(name="gain"), Metric(name="drawn", unit="A", expression="2 / (r + s)"))
CONTEXT = 1536


def circuit(name: str = "divider") -> Circuit:
    """Two resistors: as much of the input as wanted, and not too much current for it."""
    return small_circuit(
        NETLIST,
        metrics={"gain": "gain"},
        name=name,
        variables=tuple(Variable(name=one, unit="Ohm", low=1e2, high=1e5) for one in "rs"),
    ).model_copy(
        update={
            "metrics": (
                Metric(name="gain"),
                Metric(name="drawn", unit="A", expression="2 / (r + s)"),
            )
        }
    )


def specs(gain: float) -> tuple[Spec, ...]:
    """At least so much gain, for less than 50 uA a volt."""
    above = {"direction": Direction.ABOVE, "norm": 1, "weight": 1, "penalty": -1}
    below = {"direction": Direction.BELOW, "norm": 1e-4, "weight": -1, "penalty": -2}
    return (
        Spec.model_validate({"metric": "gain", "threshold": gain, **above}),
        Spec.model_validate({"metric": "drawn", "threshold": 5e-5, **below}),
    )


def settings(folder: Path, **fields: Any) -> Settings:
    """Settings that keep everything in `folder`."""
    base = {"data_dir": folder, "processes": 1, "tuning_threads": 1, "tuning_device": "cpu"}
    return Settings(**{**base, "database_url": f"sqlite:///{folder}/designs.db", **fields})


def run_job(store: Store, chosen: Settings, what: Circuit, gain: float, budget: int = 24) -> str:
    """Id of a finished job."""
    config = JobConfig(
        method="random", budget=budget, specs=specs(gain), objective="fom", seed=round(100 * gain)
    )
    job, _ = submit(store, chosen, what, config)
    lease = store.leases.claim("test", 60, job.id)
    assert lease is not None
    Runner(store, chosen).run(lease)
    assert store.jobs.get(job.id).state == "finished"
    return job.id


@cache
def tokenizer(texts: tuple[str, ...]) -> PreTrainedTokenizerFast:
    """One for such texts."""
    return trained(texts)


def save_model(folder: Path, store: Store, *, seed: int = 0, **changes: Any) -> Path:
    """A tiny random LLaMA that knows the words of the circuits on record."""
    jobs = find_jobs(store, [one.id for one in store.jobs.page().items])
    data = DataSet.split(subjects_of(store, jobs), 1)
    questions = [data.question(0, place) for place in range(12)]
    words = tokenizer(tuple(one.messages[1].content + one.answer for one in questions))
    shape: dict[str, Any] = {
        "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": CONTEXT,
    }  # fmt: skip
    config = LlamaConfig(
        vocab_size=len(words),
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
        **(shape | changes),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def add_model(store: Store, folder: Path, name: str, quantization: Quantization) -> ModelRecord:
    """Put it on record as it is."""
    found = ModelFolder.open(folder)
    record = ModelRecord(
        name=name, path=folder, quantization=quantization, fingerprint=found.fingerprint(),
        family=found.model_type, parameters=found.parameters, context=CONTEXT,
    )  # fmt: skip
    store.models.add(record)
    return record


def environment(scene: Any) -> dict[str, str]:
    """Of a process that works in the folder of a scene."""
    return {
        **os.environ,
        "ADO_DATA_DIR": str(scene.folder),
        "ADO_DATABASE_URL": scene.settings.database_url,
        "ADO_TUNING_THREADS": "1",
        "ADO_TUNING_DEVICE": "cpu",
        "ADO_LEASE_SECONDS": "3",
    }


def saved_steps(scene: Any, tuning_id: str) -> list[int]:
    """Of which steps a tuning has checkpoints; nothing else may lie beside them."""
    folder = scene.folder / "tunings" / tuning_id / "checkpoints"
    if not folder.is_dir():
        return []
    return sorted(int(one.name.removeprefix("step-")) for one in folder.iterdir())
