"""The ways of tuning that are compared, each with what is chosen about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ado_service.local_llm.side.downsampler import DownsamplerKind

LORA_RANK, LORA_ALPHA = 64, 16
"""Of LoRA and QLoRA, on every linear layer but the head (QLoRA, arXiv 2305.14314, section 5)."""
REDUCTION, SIDE_RANK = 16, 16
"""Of QST: r and the rank of its adapters (arXiv 2401.07159, section 4)."""


class Method(StrEnum):
    """What is trained."""

    QST = "QST"
    QLORA = "QLoRA"
    LORA = "LoRA"
    FULL = "full fine-tuning"


@dataclass(frozen=True, slots=True)
class Configuration:
    """A way of tuning.

    Attributes:
        method: what is trained.
        downsampler: of QST.
        checkpointed: layers keep their input only and are computed again in the backward pass:
            the side layers of QST, all layers of the other methods.
    """

    method: Method
    downsampler: DownsamplerKind = DownsamplerKind.ADAPTER
    checkpointed: bool = False

    @property
    def nf4(self) -> bool:
        """Whether the frozen weights are held in NF4 with double quantization."""
        return self.method in (Method.QST, Method.QLORA)

    @property
    def name(self) -> str:
        """Such as "qst-average-pool+checkpointing"."""
        method = "full" if self.method is Method.FULL else self.method.value.lower()
        kind = f"-{self.downsampler.value}" if self.method is Method.QST else ""
        return f"{method}{kind}{'+checkpointing' if self.checkpointed else ''}"


_ALL = (
    Configuration(Method.QST),
    Configuration(Method.QST, checkpointed=True),
    Configuration(Method.QST, DownsamplerKind.AVERAGE_POOL),
    Configuration(Method.QST, DownsamplerKind.AVERAGE_POOL, checkpointed=True),
    Configuration(Method.QLORA),
    Configuration(Method.QLORA, checkpointed=True),
    Configuration(Method.LORA),
    Configuration(Method.FULL),
)
CONFIGURATIONS = {one.name: one for one in _ALL}
QST, QST_CHECKPOINTED = "qst-adapter", "qst-adapter+checkpointing"
AVERAGE, AVERAGE_CHECKPOINTED = "qst-average-pool", "qst-average-pool+checkpointing"
QLORA, QLORA_CHECKPOINTED = "qlora", "qlora+checkpointing"
