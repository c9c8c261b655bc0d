"""Jobs that race to all specs, with the embedded model and without."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from ado_service.job_config import JobConfig, Method, Start
from benchmarks.sized_job import sized
from circuits.loader import load_circuit

INITIAL = 5


@dataclass(frozen=True, slots=True)
class Race:
    """Jobs of one seed and spec set.

    Attributes:
        circuit, seed: of all of them. The seed picks the spec set too.
        local, sobol: simulations to all specs, the whole budget where they were not met.
        start, random: figures of merit of the first designs: zero-shot, and at random.
    """

    circuit: str
    seed: int
    local: int
    sobol: int
    start: tuple[float, ...]
    random: tuple[float, ...]


def raced(task: tuple[str, int, int]) -> Race:
    """The race of (circuit, seed, budget), in a process and a database of its own."""
    import torch

    from ado_service.commands.console import log_to_stderr
    from ado_service.local_llm.pretrain.exams import spec_sets
    from ado_service.settings import Settings
    from ado_service.store.store import Store

    log_to_stderr()
    torch.set_num_threads(1)
    name, seed, budget = task
    circuit = load_circuit(name)
    exams = spec_sets(circuit)
    specs = exams[(seed - 1) % len(exams)]
    arms = {
        "local": JobConfig(method=Method.ADO_LLM, llm="local"),
        "sobol": JobConfig(method=Method.GP_BO, start=Start.SOBOL),
        "random": JobConfig(method=Method.RANDOM),
    }
    with tempfile.TemporaryDirectory(prefix="ado-embedded-") as folder:
        settings = Settings(data_dir=Path(folder), processes=1, cache=False)
        with Store.open(settings.database_url) as store:
            found, starts = {}, {}
            for arm, config in arms.items():
                most = INITIAL if arm == "random" else budget
                changes = {"seed": seed, "budget": most, "initial": INITIAL, "specs": specs}
                job = sized(store, settings, circuit, config.model_copy(update=changes))
                found[arm] = job.simulations_to_all_specs or budget
                designs = store.designs.of_job(job.id)[:INITIAL]
                starts[arm] = tuple(float(one.fom) for one in designs if one.fom is not None)
    return Race(name, seed, found["local"], found["sobol"], starts["local"], starts["random"])
