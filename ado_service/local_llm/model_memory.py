"""Whether a model fits in the memory that is free."""

from __future__ import annotations

import psutil  # type: ignore[import-untyped]
import torch

from ado_service.local_llm.errors import ModelMemoryError
from ado_service.local_llm.model_folder import ModelFolder
from ado_service.local_llm.quantization import Quantization

# NF4 with double quantization: 4 bit a weight, 8 bit a block of 64, 32 bit for 256 blocks
# (QLoRA, arXiv 2305.14314, section 3).
_NF4_BITS = 4 + 8 / 64 + 32 / (64 * 256)


def required_bytes(
    folder: ModelFolder, quantization: Quantization, dtype: torch.dtype = torch.bfloat16
) -> int:
    """Bytes that the weights take once loaded, without activations and cache.

    Matrices become NF4 except the embeddings and the head, which stay in `dtype`.
    """
    bits = 0.0
    for name, entry in folder.tensors():
        linear = len(entry.shape) == 2 and "embed" not in name and "lm_head" not in name
        nf4 = linear and quantization is Quantization.NF4
        bits += entry.elements * (_NF4_BITS if nf4 else 8 * dtype.itemsize)
    return int(bits / 8)


def _available_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        free: int = torch.cuda.mem_get_info(device)[0]
    else:
        free = psutil.virtual_memory().available
    return free


def check_memory(
    folder: ModelFolder, quantization: Quantization, device: torch.device, dtype: torch.dtype
) -> None:
    """Compare with what is free: on a CPU, running out of memory ends the process unasked.

    Raises:
        ModelMemoryError: the weights alone are larger than the free memory.
    """
    needed, free = required_bytes(folder, quantization, dtype), _available_bytes(device)
    if needed > free:
        raise too_large(folder, quantization, device, f"needs {_gib(needed)}, {_gib(free)} free")


def too_large(
    folder: ModelFolder, quantization: Quantization, device: torch.device, why: str
) -> ModelMemoryError:
    """The error that says why a model does not fit, and what to do."""
    cure = "load it in NF4 or " if quantization is Quantization.NONE else ""
    return ModelMemoryError(
        f"{folder.path} does not fit in the memory of {device} ({why}); "
        f"{cure}use a smaller model or free memory"
    )


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f} GiB"
