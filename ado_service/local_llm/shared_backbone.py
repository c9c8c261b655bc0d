"""A loaded backbone that several decoders read, one forward pass at a time."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from peft import PeftModel
from safetensors import SafetensorError
from torch import nn
from transformers import PreTrainedModel

from ado_service.local_llm.backbone import Backbone
from ado_service.local_llm.errors import AdapterError, WeightsError
from ado_service.local_llm.fitted import Fitted
from ado_service.local_llm.model_source import ModelSource
from ado_service.local_llm.side.adapter_file import load_adapter
from ado_service.local_llm.side.qst_model import QSTModel
from ado_service.local_llm.weights_file import WeightsFile

_UNNAMED = "a model without a name"
_CONFIG, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


class SharedBackbone:
    """A backbone, and the lock that every pass through it takes.

    Its decoders keep it alive.
    """

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = backbone
        self.lock = threading.Lock()

    def decoder(self) -> nn.Module:
        """The backbone as it is."""
        return TurnTaking(self.backbone.model, self)

    def tuned(self, folder: Path) -> nn.Module:
        """The backbone with the side network in `folder`.

        Raises:
            AdapterError: it is of another backbone or quantization, or broken.
        """
        side = load_adapter(folder, self.backbone)
        return TurnTaking(QSTModel(self.backbone.model, side), self)


class TurnTaking(nn.Module):
    """A decoder that waits for its turn on the backbone that it shares."""

    def __init__(self, decoder: PreTrainedModel, shared: SharedBackbone) -> None:
        super().__init__()
        self.decoder = decoder
        self.config = decoder.config
        self.generation_config = decoder.generation_config
        self._shared = shared

    def forward(self, *inputs: Any, logits_to_keep: int = 0, **named: Any) -> Any:
        """As the decoder's own, which must know `logits_to_keep`; every served family does."""
        with self._shared.lock:
            return self.decoder(*inputs, logits_to_keep=logits_to_keep, **named)


def lora_decoder(backbone: Backbone, source: ModelSource) -> nn.Module:
    """The backbone, which is changed in place, with the LoRA weights of a source in it.

    Raises:
        AdapterError: they are of another backbone, or broken.
    """
    _check_files(source.folder)
    fitted = Fitted(_base_name(source.folder), source.fingerprint, source.quantization)
    fitted.check(source.folder, backbone)
    try:
        tuned = PeftModel.from_pretrained(
            backbone.model, str(source.folder), is_trainable=False, local_files_only=True
        )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        raise AdapterError(
            f"the LoRA weights in {source.folder} cannot be loaded: {error}; copy them again"
        ) from error
    changed: nn.Module = tuned.get_base_model().eval()
    return changed


def _base_name(folder: Path) -> str:
    """The last part of what peft notes of the model that was tuned: an address, or a folder."""
    try:
        noted = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
        return Path(noted["base_model_name_or_path"]).name or _UNNAMED
    except (OSError, ValueError, KeyError, TypeError):
        return _UNNAMED


def _check_files(folder: Path) -> None:
    """Whole safetensors, and nothing else: peft would load pickles too."""
    if not (folder / _CONFIG).is_file():
        raise AdapterError(f"{folder} holds no LoRA weights: {_CONFIG} is missing; copy it again")
    try:
        WeightsFile.open(folder / _WEIGHTS)
    except WeightsError as error:
        raise AdapterError(str(error)) from error
