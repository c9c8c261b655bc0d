"""Tiny models and tunings of them on disk, as sources to host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model

from ado_service.local_llm.backbone import Backbone
from ado_service.local_llm.engine import Engine
from ado_service.local_llm.generation_event import answers
from ado_service.local_llm.generation_request import GenerationRequest
from ado_service.local_llm.hosting import Hosting
from ado_service.local_llm.model_folder import ModelFolder
from ado_service.local_llm.model_source import ModelSource, stamp_of
from ado_service.local_llm.quantization import Quantization
from ado_service.local_llm.side.adapter_file import save_adapter
from tests.ado_service.local_llm.side.side_models import trained
from tests.ado_service.local_llm.tiny_models import CONTEXT

NONE, NF4 = Quantization.NONE, Quantization.NF4
PROMPT = (1, 80, 90, 100)


def source_of(folder: Path, quantization: Quantization = NONE) -> ModelSource:
    """The source of a whole model."""
    found = ModelFolder.open(folder)
    return ModelSource(
        name=folder.name,
        folder=folder,
        quantization=quantization,
        fingerprint=found.fingerprint(),
        family=found.model_type,
        parameters=found.parameters,
        context=CONTEXT,
        created=datetime(2026, 1, 31, tzinfo=UTC),
        stamp=stamp_of(folder),
    )


def tuned(base: ModelSource, folder: Path, method: str) -> ModelSource:
    """The source of a tuning of `base`, whose weights are in `folder`."""
    changes: dict[str, Any] = {"name": folder.name, "folder": folder, "stamp": stamp_of(folder)}
    return replace(base, method=method, base=base, **changes)


def save_qst(base: ModelSource, folder: Path, seed: int = 0) -> ModelSource:
    """A tuning by a side network with random weights."""
    backbone = Backbone.load(base.folder, quantization=base.quantization, name=base.name)
    save_adapter(folder, trained(backbone.model, seed=seed).side, backbone)
    return tuned(base, folder, "qst")


def save_lora(base: ModelSource, folder: Path, seed: int = 0) -> ModelSource:
    """A tuning by LoRA with random weights."""
    backbone = Backbone.load(base.folder, quantization=base.quantization)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = LoraConfig(
            r=4, init_lora_weights=False, target_modules="all-linear", task_type="CAUSAL_LM"
        )
        get_peft_model(backbone.model, config).save_pretrained(str(folder))
    return tuned(base, folder, "lora" if base.quantization is NONE else "qlora")


@contextmanager
def engine_of(source: ModelSource, hosting: Hosting | None = None) -> Iterator[Engine]:
    """An engine of the source, closed at the end."""
    engine = (hosting or Hosting("cpu")).engine(source)
    try:
        yield engine
    finally:
        engine.close()


def said(engine: Engine, seed: int = 1, tokens: int = 24) -> str:
    """What a model answers to a fixed prompt."""
    request = GenerationRequest(PROMPT, max_tokens=tokens, seed=seed)
    return answers(engine.generate(request))[0].text
