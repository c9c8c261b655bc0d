"""A model on its way to be tuned: what is trained of it, its loss, and what is kept at the end."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import peft
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from ado_service.local_llm.backbone import Backbone
from ado_service.local_llm.side.adapter_file import load_adapter, save_adapter
from ado_service.local_llm.side.downsampler import DownsamplerKind
from ado_service.local_llm.side.qst_model import QSTModel
from ado_service.local_llm.side.side_config import SideSettings
from ado_service.local_llm.side.side_network import SideNetwork
from ado_service.store.model_record import TuningMethod
from ado_service.store.tuning_config import TuningConfig
from ado_service.tunings.answer_loss import decoder_loss
from ado_service.tunings.lesson import Lesson

_GATES = ("alpha", "gamma")
_LORA_SCALE = 2
"""lora_alpha over the rank."""


@dataclass(frozen=True)
class Trainee:
    """A model that is tuned.

    Attributes:
        decoder: answers as the tuned model does at any time.
        trained: the parameters that are trained, by name.
        gates: names of those among them that open the way for the others, and learn faster.
        loss: of a lesson, nats a token of its answers.
        save: writes what the tuning adds to its base, or the whole model, into a folder.
    """

    decoder: PreTrainedModel
    trained: Mapping[str, nn.Parameter]
    gates: frozenset[str]
    loss: Callable[[Lesson], Tensor]
    save: Callable[[Path], object]

    @property
    def size(self) -> int:
        """How many parameters are trained."""
        return sum(one.numel() for one in self.trained.values())


def make_trainee(backbone: Backbone, config: TuningConfig, adapter: Path | None = None) -> Trainee:
    """Make a loaded model ready to be tuned; until it is, it answers as before.

    Args:
        backbone: the model, which is changed in place by all methods but QST.
        config: method and settings.
        adapter: an earlier QST tuning of this backbone to go on from.

    Raises:
        LocalModelError: the settings do not suit the model, or the adapter is of another one.
    """
    match config.method:
        case TuningMethod.QST:
            return _side_tuned(backbone, config, adapter)
        case TuningMethod.FULL:
            return _whole(backbone, config)
        case TuningMethod.LORA | TuningMethod.QLORA:
            return _with_lora(backbone, config)


def _side_tuned(backbone: Backbone, config: TuningConfig, adapter: Path | None) -> Trainee:
    if adapter is None:
        settings = SideSettings(
            config.reduction,
            config.rank,
            DownsamplerKind(config.downsampler),
            "float32" if backbone.model.dtype == torch.float32 else "bfloat16",
        )
        side = SideNetwork.create(backbone.model, settings, seed=config.seed)
    else:
        side = load_adapter(adapter, backbone)
    side.checkpoint_layers(config.checkpointing)
    decoder = QSTModel(backbone.model, side)
    trained = dict(side.named_parameters())

    def loss(lesson: Lesson) -> Tensor:
        found = decoder(
            input_ids=lesson.input_ids, attention_mask=lesson.attention_mask, labels=lesson.labels
        ).loss
        assert isinstance(found, Tensor)
        return found

    return Trainee(
        decoder,
        trained,
        frozenset(name for name in trained if name.rsplit(".", 1)[-1] in _GATES),
        loss,
        lambda folder: save_adapter(folder, side, backbone),
    )


def _whole(backbone: Backbone, config: TuningConfig) -> Trainee:
    model = backbone.model.requires_grad_(True)
    _checkpoint_layers(model, config)

    def save(folder: Path) -> None:
        model.save_pretrained(folder)
        backbone.tokenizer.save_pretrained(folder)

    return Trainee(
        model,
        dict(model.named_parameters()),
        frozenset(),
        lambda lesson: decoder_loss(model, lesson, head_trained=True),
        save,
    )


def _with_lora(backbone: Backbone, config: TuningConfig) -> Trainee:
    settings = peft.LoraConfig(
        r=config.rank,
        lora_alpha=_LORA_SCALE * config.rank,
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    # The adapters in the type of the backbone, as its activations are: masters keep them exact.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        with _without_advice():
            tuned = peft.get_peft_model(backbone.model, settings, autocast_adapter_dtype=False)
    model = backbone.model  # peft has put its matrices into it
    _checkpoint_layers(model, config)
    trained = {name: one for name, one in model.named_parameters() if one.requires_grad}

    def save(folder: Path) -> None:
        settings.base_model_name_or_path = backbone.name  # and not the folder on this machine
        # Embeddings are never trained; peft would ask the network whether they were.
        tuned.save_pretrained(str(folder), safe_serialization=True, save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # peft's own, to be filled in by hand

    return Trainee(
        model,
        trained,
        frozenset(),
        lambda lesson: decoder_loss(model, lesson, head_trained=False),
        save,
    )


@contextmanager
def _without_advice() -> Iterator[None]:
    """Quiet: peft uses what this release of transformers warns of, and no user can help it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def _checkpoint_layers(model: PreTrainedModel, config: TuningConfig) -> None:
    if config.checkpointing:
        older = "gradient_checkpointing_enable"  # the name in earlier releases of transformers
        enable = getattr(model, "activation_checkpointing_enable", None) or getattr(model, older)
        enable({"use_reentrant": False})
