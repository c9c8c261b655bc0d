"""The record of a tuned model, once its files are there whole."""

from __future__ import annotations

from pathlib import Path

from ado_service.local_llm.model_folder import ModelFolder
from ado_service.local_llm.quantization import Quantization
from ado_service.store.model_record import ModelRecord, TuningMethod
from ado_service.store.tuning_record import TuningRecord
from ado_service.tunings.base_model import BaseModel
from ado_service.tunings.trainee import Trainee
from ado_service.tunings.whole_folder import whole_folder


def saved_model(
    tuning: TuningRecord, base: BaseModel, trainee: Trainee, folder: Path
) -> ModelRecord:
    """Save what was trained into `folder`; the record that it is to get.

    Raises:
        OSError: it cannot be written; nothing of it stays.
    """
    with whole_folder(folder) as draft:
        trainee.save(draft)
    backbone, whole = base.backbone, tuning.config.method is TuningMethod.FULL
    return ModelRecord(
        name=tuning.name,
        path=folder.resolve(),
        quantization=Quantization.NONE if whole else base.quantization,
        method=tuning.config.method,
        base=backbone.name,
        fingerprint=ModelFolder.open(folder).fingerprint() if whole else backbone.fingerprint,
        family=backbone.family,
        parameters=backbone.parameters + (0 if whole else trainee.size),
        context=backbone.context,
    )
