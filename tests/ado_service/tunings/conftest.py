"""A database with finished jobs and a tiny model, made once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from ado_service.local_llm.quantization import Quantization
from ado_service.settings import Settings
from ado_service.store.store import Store
from tests.ado_service.tunings.scene import add_model, circuit, run_job, save_model, settings


@dataclass(frozen=True)
class Scene:
    """A folder of its own for one test: jobs on `divider`, and a model `tiny`."""

    folder: Path
    settings: Settings
    store: Store
    jobs: tuple[str, ...]


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    """A tuning sets how many there are, for the process that is its own elsewhere."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tunings")
    chosen = settings(folder)
    with Store.open(chosen.database_url) as store:
        for gain in (0.3, 0.6):
            run_job(store, chosen, circuit(), gain)
        save_model(folder / "tiny", store)
    return folder


@pytest.fixture
def scene(_template: Path, tmp_path: Path) -> Iterator[Scene]:
    folder = Path(shutil.copytree(_template, tmp_path / "scene"))
    chosen = settings(folder)
    with Store.open(chosen.database_url) as store:
        add_model(store, folder / "tiny", "tiny", Quantization.NONE)
        jobs = tuple(sorted(one.id for one in store.jobs.page().items))
        yield Scene(folder, chosen, store, jobs)
