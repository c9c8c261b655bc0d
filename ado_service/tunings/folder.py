"""A model that is tuned straight from its folder."""

from __future__ import annotations

from pathlib import Path

from ado_service.local_llm.model_folder import ModelFolder
from ado_service.local_llm.quantization import Quantization
from ado_service.model_registration import register_model
from ado_service.store.errors import AlreadyExists
from ado_service.store.model_record import name_of_folder
from ado_service.store.store import Store
from ado_service.store.tuning_config import TuningConfig
from ado_service.tunings.submit import chosen_name, usable_jobs


def model_of_folder(
    store: Store, folder: Path, config: TuningConfig, name: str | None = None
) -> str:
    """Name of the model in `folder`, which is registered if it was not yet.

    A tuning rests on a model on record, and can be hosted with it alone. Nothing is registered
    where the tuning would be refused.

    Args:
        store: the design database.
        folder: of the model.
        config: of the tuning.
        name: of the tuned model; None for one made of this model's.

    Raises:
        LocalModelError: it is no model that can be used.
        SubmissionError: there is nothing to learn from, or the name is none.
        AlreadyExists: another model has the name of the folder, or the tuned one's is taken.
    """
    ModelFolder.open(folder)
    wanted = config.held_as(Quantization.NF4)
    for known in store.models.list():
        if known.method is None and (known.path, known.quantization) == (folder.resolve(), wanted):
            return known.name
    if name == name_of_folder(folder):
        raise AlreadyExists(f"the model in {folder} is to be {name!r} itself; choose another name")
    chosen_name(store, config, name)
    usable_jobs(store, config.sources)
    return register_model(store, folder, quantization=wanted).name
