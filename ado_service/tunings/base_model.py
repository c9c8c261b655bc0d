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
        quantization: how it is held.
        adapter: folder of the QST tuning of it that is gone on from; None to begin anew.
    """

    backbone: ModelSource
    quantization: Quantization
    adapter: Path | None = None

    @property
    def record(self) -> ModelRecord | None:
        """The record of a backbone that is on record in another form; None where it is in this.

        A tuning is fitted to the form in which its backbone is held, and hosted on one of that
        form.
        """
        source = self.backbone
        if source.quantization is self.quantization:
            return None
        return ModelRecord(
            name=f"{source.name[:58]}-{self.quantization.value}",
            path=source.folder.resolve(),
            quantization=self.quantization,
            fingerprint=source.fingerprint,
            family=source.family,
            parameters=source.parameters,
            context=source.context,
        )


def find_base(store: Store, config: TuningConfig) -> BaseModel:
    """The model that `config` names, its folder checked as far as that goes without loading it.

    Raises:
        SubmissionError: there is no such model, its folder does not hold one, or it is a tuning
            that the method cannot go on from.
    """
    source = _source(store, config.model)
    backbone = source.backbone
    wanted = config.held_as(backbone.quantization)
    if backbone is source:
        _check_folder(backbone)
        return BaseModel(backbone, wanted)
    if source.base is None:
        problem = f"the model that {source.name!r} was tuned from is not on record any more"
        raise SubmissionError("model", problem, "Add it again under its name")
    if source.method != _QST or config.method is not TuningMethod.QST:
        problem = f"{source.name!r} is a tuning by {source.method} of {backbone.name!r}"
        cure = f"Tune {backbone.name!r}; only qst goes on from a tuning, and from one by qst"
        raise SubmissionError("model", problem, cure)
    if wanted is not backbone.quantization:
        form = backbone.quantization.value
        problem = f"the tuning is of {backbone.name!r} held as {form!r}"
        raise SubmissionError("quantization", problem, "Leave it out")
    _check_folder(backbone)
    return BaseModel(backbone, wanted, source.folder)


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
