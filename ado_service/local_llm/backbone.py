"""A decoder loaded from a local folder, quantized or not; never from the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Self

import torch
from bitsandbytes.nn.modules import Linear4bit, Params4bit
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from ado_service.local_llm.errors import (
    ModelFolderError,
    UnsupportedModelError,
    WeightsError,
)
from ado_service.local_llm.model_folder import ModelFolder
from ado_service.local_llm.model_memory import check_memory, too_large
from ado_service.local_llm.quantization import Quantization

__all__ = ["Backbone", "Quantization"]


@dataclass(frozen=True)
class Backbone:
    """A frozen pretrained decoder with its tokenizer.

    `context` is the longest prompt plus answer in tokens; `fingerprint` tells the pretrained
    weights from others (`ModelFolder.fingerprint`).
    """

    name: str
    folder: Path
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    quantization: Quantization
    device: torch.device
    context: int
    fingerprint: str

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        quantization: Quantization,
        device: str = "cpu",
        name: str | None = None,
        dtype: torch.dtype | None = None,
    ) -> Self:
        """Load a model in evaluation mode with all its weights frozen.

        `dtype` is what it computes in: by default bfloat16 when quantized, and otherwise the one
        that the weights are stored in. `name` is by default the name of the folder.

        Raises:
            LocalModelError: the folder, its format or size does not do; nothing stays loaded.
        """
        found = ModelFolder.open(folder)
        place = _open_device(device)
        if dtype is None:
            dtype = torch.bfloat16 if quantization is Quantization.NF4 else _stored_dtype(found)
        config = _load_config(folder)
        check_memory(found, quantization, place, dtype)
        tokenizer = _load_tokenizer(folder, config)
        model = _load_model(found, quantization, place, dtype)
        return cls(
            name=name or folder.resolve().name,
            folder=folder,
            model=model,
            tokenizer=tokenizer,
            quantization=quantization,
            device=place,
            context=int(config.max_position_embeddings),
            fingerprint=found.fingerprint(),
        )


def _open_device(device: str) -> torch.device:
    try:
        place = torch.device(device)
    except RuntimeError as error:
        raise UnsupportedModelError(f"no device {device!r}; use cpu, cuda or cuda:N") from error
    if place.type == "cuda" and (place.index or 0) >= torch.cuda.device_count():
        raise UnsupportedModelError(
            f"device {device!r} is asked for and this machine has {torch.cuda.device_count()} "
            "CUDA devices; use cpu"
        )
    return place


def _stored_dtype(folder: ModelFolder) -> torch.dtype:
    """The type of the largest tensor; norms may be stored in another."""
    names = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    _, largest = max(folder.tensors(), key=lambda item: item[1].elements)
    if largest.dtype not in names:
        raise UnsupportedModelError(
            f"{folder.path} holds weights of type {largest.dtype}; supported are {', '.join(names)}"
        )
    return names[largest.dtype]


def _load_config(folder: Path) -> PreTrainedConfig:
    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (StrictDataclassError, OSError, ValueError, TypeError, KeyError) as error:
        raise ModelFolderError(f"{folder}/config.json is of no possible model: {error}") from error
    return config


def _load_tokenizer(folder: Path, config: PreTrainedConfig) -> PreTrainedTokenizerBase:
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            folder, config=config, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise ModelFolderError(f"the tokenizer in {folder} cannot be loaded: {error}") from error
    except Exception as error:
        # The library's Rust half raises bare exceptions on a broken tokenizer.json.
        if type(error) is not Exception:
            raise
        raise ModelFolderError(f"the tokenizer in {folder} is broken: {error}") from error
    if tokenizer.eos_token is None:
        raise ModelFolderError(
            f"the tokenizer in {folder} names no end-of-text token; add eos_token to "
            "tokenizer_config.json"
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token  # masked out wherever it pads
    tokenizer.padding_side = "left"  # generation appends at the right
    return tokenizer


def _load_model(
    folder: ModelFolder, quantization: Quantization, device: torch.device, dtype: torch.dtype
) -> PreTrainedModel:
    options: dict[str, Any] = {}
    if quantization is Quantization.NF4:
        options["quantization_config"] = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
    try:
        with _without_progress_bar():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder.path,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=dtype,
                device_map={"": device},
                output_loading_info=True,
                **options,
            )
        _own_the_weights(loaded[0])
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise too_large(folder, quantization, device, "it ran out while loading") from error
    except SafetensorError as error:
        raise WeightsError(f"the weights in {folder.path} are corrupt: {error}") from error
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        if "allocate memory" in str(error):
            raise too_large(folder, quantization, device, "it ran out while loading") from error
        raise ModelFolderError(f"{folder.path} cannot be loaded: {error}") from error
    model, report = loaded
    missing = sorted(report["missing_keys"])
    if missing:
        raise WeightsError(
            f"the weights in {folder.path} lack {len(missing)} tensors that config.json asks for "
            f"({missing[0]}, ...); config and weights are of different models"
        )
    _never_repack(model)
    frozen: PreTrainedModel = model.eval().requires_grad_(False)
    return frozen


def _own_the_weights(model: PreTrainedModel) -> None:
    """Have the weights in memory of our own.

    The library leaves them mapped from their file where it need not convert them. Who copies
    another file over that one would then change a running model, or end the process by SIGBUS.
    """
    for tensor in chain(model.parameters(), model.buffers()):
        if tensor.device.type == "cpu" and not isinstance(tensor, Params4bit):
            tensor.data = tensor.data.clone()


def _never_repack(model: PreTrainedModel) -> None:
    """Keep NF4 weights as they are, on every CPU and in evaluation as in training.

    On a CPU with AVX512-BF16 bitsandbytes would rearrange them at the first pass in evaluation
    mode, for a kernel that is faster for single tokens and slower from some thirty on. It undoes
    the double quantization, rounds the scales, has no backward pass, and fails on layers whose
    width is no multiple of 64.
    """
    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False


@contextmanager
def _without_progress_bar() -> Iterator[None]:
    """A service logs; a bar that the library draws would end up between the lines."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
