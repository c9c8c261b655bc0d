"""Loads models into engines; tunings of one base share its weights.

Every model has an engine of its own, with its own queue and batch, because the answers of two
tunings cannot share a forward pass. The weights of the backbone are there once: a side network
(`QSTModel`) reads the backbone's hidden states by hooks that live for one pass and changes nothing
in it. A lock lets one pass at a time through a shared backbone: hooks come and go on its layers,
some rotary embeddings keep the length of the last prompt, and on one processor two passes at a time
would be no faster and would take the memory of two.

LoRA is another matter: peft puts its matrices into the backbone's own layers, which would change
the answers of every other model on it. A model tuned by LoRA or QLoRA loads a backbone of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from ado_service.local_llm import embedded
from ado_service.local_llm.errors import AdapterError, ModelFolderError, UnsupportedModelError
from ado_service.local_llm.libraries import import_libraries
from ado_service.local_llm.model_source import ModelSource, Stamp
from ado_service.local_llm.quantization import Quantization

if TYPE_CHECKING:
    from torch import nn

    from ado_service.local_llm.backbone import Backbone
    from ado_service.local_llm.engine import Engine
    from ado_service.local_llm.shared_backbone import SharedBackbone

_MAX_BATCH = {"cpu": 8, "cuda": 32}
_MAX_WAITING = 32
_MOST_THREADS = 4
"""Of the CPU: beyond these a step of one token only waits for itself."""
_Key = tuple[Path, Quantization, Stamp]


class Hosting:
    """Makes engines of sources. A backbone is kept for as long as an engine uses it.

    Not for several threads at once (`HostedModels` loads one model at a time).

    Args:
        device: where models are loaded; None for the GPU, or the CPU where there is none.
    """

    def __init__(self, device: str | None = None) -> None:
        self._device = device
        self._shared: WeakValueDictionary[_Key, SharedBackbone] = WeakValueDictionary()

    def engine(self, source: ModelSource) -> Engine:
        """Load a model and start its engine.

        Raises:
            LocalModelError: it cannot be loaded, its files are not those that were registered, or
                it is a tuning of another model; nothing stays loaded.
        """
        import_libraries()
        import torch

        from ado_service.local_llm.engine import Engine

        backbone, decoder = self._decoder(source)
        return Engine(
            decoder,
            backbone.tokenizer,
            context=backbone.context,
            max_batch=_MAX_BATCH.get(backbone.device.type, 1),
            max_waiting=_MAX_WAITING,
            threads=min(_MOST_THREADS, torch.get_num_threads()),
        )

    def _decoder(self, source: ModelSource) -> tuple[Backbone, nn.Module]:
        from ado_service.local_llm.shared_backbone import lora_decoder

        match source.method:
            case None | "full":
                shared = self._backbone(source)
                return shared.backbone, shared.decoder()
            case "qst":
                shared = self._backbone(source.backbone)
                return shared.backbone, shared.tuned(source.folder)
            case "lora" | "qlora":
                own = self._load(source.backbone)
                return own, lora_decoder(own, source)
        raise UnsupportedModelError(
            f"model {source.name!r} was tuned by {source.method!r}, which is not known here"
        )

    def _backbone(self, source: ModelSource) -> SharedBackbone:
        from ado_service.local_llm.shared_backbone import SharedBackbone

        key = (source.folder, source.quantization, source.stamp)
        found = self._shared.get(key)
        if found is None:
            found = SharedBackbone(self._load(source))
            self._shared[key] = found
        return found

    def _load(self, source: ModelSource) -> Backbone:
        import torch

        from ado_service.local_llm.backbone import Backbone

        if source.method not in {None, "full"}:
            raise AdapterError(
                f"the model that {source.name!r} was tuned from is not on record; add it again "
                "under its name, or remove the tuning"
            )
        device = self._device or ("cuda" if torch.cuda.is_available() else "cpu")
        backbone = Backbone.load(
            source.folder,
            quantization=source.quantization,
            device=device,
            name=source.name,
            # Answers of the embedded model repeat bit for bit, whatever else is in their batch.
            dtype=torch.float32 if source.name == embedded.NAME else None,
        )
        if backbone.fingerprint != source.fingerprint:
            raise ModelFolderError(
                f"{source.folder} does not hold the weights any more with which model "
                f"{source.name!r} was registered; put them back, or remove the model and add it "
                "again"
            )
        return backbone


@dataclass(frozen=True)
class HostedModel:
    """A model as `HostedModels` wants it: called, it gives an engine."""

    source: ModelSource
    hosting: Hosting

    def __call__(self) -> Engine:
        """Load it.

        Raises:
            LocalModelError: see `Hosting.engine`.
        """
        return self.hosting.engine(self.source)
