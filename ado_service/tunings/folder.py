"""A model that is tuned straight from its folder."""

from __future__ import annotations

from pathlib import Path

from ado_service.local_llm.model_folder import ModelFolder
from ado_service.local_llm.quantization import Quantization
from ado_service.model_registration import register_model
from ado_service.store.store import Store
from ado_service.store.tuning_config import TuningConfig
from ado_service.tunings.data_set import DataSet
from ado_service.tunings.sources import find_jobs, subjects_of


def model_of_folder(store: Store, folder: Path, config: TuningConfig) -> str:
    """Name of the model in `folder`, which is registered if it was not yet.

    A tuning rests on a model on record, and can be hosted with it alone. Nothing is registered
    where there are no designs to learn from.

    Raises:
        LocalModelError: it is no model that can be used.
        SubmissionError: there is nothing to learn from.
        AlreadyExists: another model has the name of the folder.
    """
    ModelFolder.open(folder)
    wanted = config.held_as(Quantization.NF4)
    for known in store.models.list():
        if known.method is None and (known.path, known.quantization) == (folder.resolve(), wanted):
            return known.name
    DataSet.split(subjects_of(store, find_jobs(store, config.sources)), config.seed)
    return register_model(store, folder, quantization=wanted).name
