"""Puts a tuned model on record: whole, or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

from ado_service.local_llm.model_folder import ModelFolder
from ado_service.local_llm.model_source import ModelSource
from ado_service.local_llm.quantization import Quantization
from ado_service.store.errors import NotFound
from ado_service.store.model_record import ModelRecord, TuningMethod
from ado_service.store.store import Store
from ado_service.store.tuning_record import TuningRecord
from ado_service.tunings.trainee import Trainee


def register_tuned(
    store: Store, tuning: TuningRecord, backbone: ModelSource, trainee: Trainee, folder: Path
) -> ModelRecord:
    """Save what was trained into `folder` and put it on record under the tuning's name.

    A tuning that was killed between the two does it again; one that was killed after both finds
    its model on record.

    Raises:
        AlreadyExists: another model has taken the name.
        NotFound: the base was removed meanwhile.
    """
    draft = folder.with_name(f".{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    trainee.save(draft)
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)
    record = _record(tuning, backbone, trainee, folder)
    if _is_on_record(store, record):
        return record
    try:
        store.models.add(record)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return record


def _record(
    tuning: TuningRecord, backbone: ModelSource, trainee: Trainee, folder: Path
) -> ModelRecord:
    whole = tuning.config.method is TuningMethod.FULL
    return ModelRecord(
        name=tuning.name,
        path=folder.resolve(),
        quantization=Quantization.NONE if whole else backbone.quantization,
        method=tuning.config.method,
        base=backbone.name,
        fingerprint=ModelFolder.open(folder).fingerprint() if whole else backbone.fingerprint,
        family=backbone.family,
        parameters=backbone.parameters + (0 if whole else trainee.size),
        context=backbone.context,
    )


def _is_on_record(store: Store, record: ModelRecord) -> bool:
    try:
        return store.models.get(record.name).path == record.path
    except NotFound:
        return False
