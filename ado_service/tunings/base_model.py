"""The model that a tuning starts from, held as its method needs it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ado_service.jobs.asked import SubmissionError
from ado_service.local_llm import LocalModelError
from ado_service.local_llm.embedded import NAME as EMBEDDED
from ado_service.local_llm.model_folder import ModelFolder
from ado_service.local_llm.model_source import ModelSource
from ado_service.local_llm.quantization import Quantization
from ado_service.model_registry import ModelRegistry
from ado_service.store.errors import AlreadyExists
from ado_service.store.model_record import ModelRecord, TuningMethod
from ado_service.store.store import Store
from ado_service.store.tuning_config import TuningConfig

_QST = TuningMethod.QST.value


class ModelFilesError(SubmissionError):
    """The files of a model are not as they were registered; the message says where they lie."""

    def __init__(self, problem: str, cure: str = "Put the model's files back") -> None:
        super().__init__("model", problem, cure)


@dataclass(frozen=True, slots=True)
class BaseModel:
    """What is loaded to be tuned.

    Attributes:
        backbone: a whole model.
        adapter: folder of the QST tuning of it that is gone on from; None to begin anew.
    """

    backbone: ModelSource
    adapter: Path | None


def find_base(store: Store, config: TuningConfig) -> BaseModel:
    """The model that `config` names, its folder checked as far as that goes without loading it.

    Raises:
        SubmissionError: there is no such model, its folder does not hold one, or it is a tuning
            that the method cannot go on from.
    """
    source = _source(store, config.model)
    backbone = source.backbone
    if backbone is source:
        _check_folder(backbone)
        return BaseModel(backbone, None)
    if source.base is None:
        problem = f"the model that {source.name!r} was tuned from is not on record any more"
        raise SubmissionError("model", problem, "Add it again under its name")
    if source.method != _QST or config.method is not TuningMethod.QST:
        problem = f"{source.name!r} is a tuning by {source.method} of {backbone.name!r}"
        cure = f"Tune {backbone.name!r}; only qst goes on from a tuning, and from one by qst"
        raise SubmissionError("model", problem, cure)
    _check_folder(backbone)
    return BaseModel(backbone, source.folder)


def hold_base(store: Store, base: BaseModel, wanted: Quantization) -> str:
    """Name of the backbone held as `wanted`; put on record under another name if need be.

    A tuning is fitted to the form in which its backbone is held, and hosted on one of that form.

    Raises:
        SubmissionError: a tuning that is gone on from is of the other form.
        AlreadyExists: the other name is taken by another model.
    """
    source = base.backbone
    if source.quantization is wanted:
        return source.name
    if base.adapter is not None:
        problem = f"the tuning is of {source.name!r} held as {source.quantization.value!r}"
        raise SubmissionError("quantization", problem, "Leave it out")
    for known in store.models.list():
        if known.method is None and (known.path, known.quantization) == (source.folder, wanted):
            return known.name
    return _add_held(store, source, wanted)


def _add_held(store: Store, source: ModelSource, wanted: Quantization) -> str:
    record = ModelRecord(
        name=f"{source.name[:58]}-{wanted.value}",
        path=source.folder.resolve(),
        quantization=wanted,
        fingerprint=source.fingerprint,
        family=source.family,
        parameters=source.parameters,
        context=source.context,
    )
    try:
        store.models.add(record)
    except AlreadyExists as error:
        raise AlreadyExists(
            f"{source.name!r} is held as {source.quantization.value!r}, the method needs "
            f"{wanted.value!r}, and the name {record.name!r} for that is taken; add the model in "
            "that form under another name, and tune that one"
        ) from error
    return record.name


def _source(store: Store, name: str) -> ModelSource:
    registry = ModelRegistry(store)
    try:
        return registry.source(name)
    except KeyError:
        known = ", ".join(sorted(registry)) or "none"
        problem = f"no model {name!r}"
        raise SubmissionError(
            "model", problem, f"Known are: {known}; add one with: ado models add PATH"
        ) from None
    except LocalModelError as error:
        raise ModelFilesError(str(error)) from error


def _check_folder(source: ModelSource) -> None:
    try:
        found = ModelFolder.open(source.folder)
    except LocalModelError as error:
        raise ModelFilesError(str(error)) from error
    if found.fingerprint() != source.fingerprint:
        problem = f"{source.folder} holds other weights than those that {source.name!r} had"
        cure = "Reinstall" if source.name == EMBEDDED else "Remove the model and add it again"
        raise ModelFilesError(problem, cure)
