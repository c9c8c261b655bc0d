"""What a tuning is asked to do: everything that, with the designs on record, determines it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ado_service.local_llm.quantization import Quantization
from ado_service.store.model_record import TuningMethod

Downsampler = Literal["linear", "lora", "adapter", "max-pool", "average-pool"]
"""How a side network narrows hidden states: the values of `DownsamplerKind`, without torch."""

_RATES = {
    TuningMethod.QST: 1e-3,
    TuningMethod.LORA: 5e-4,
    TuningMethod.QLORA: 5e-4,
    TuningMethod.FULL: 5e-5,
}
_FORMS = {
    TuningMethod.LORA: Quantization.NONE,
    TuningMethod.QLORA: Quantization.NF4,
    TuningMethod.FULL: Quantization.NONE,
}
MOST_SOURCES = 1000
"""Jobs that a tuning learns from at most."""
_Source = Annotated[str, Field(min_length=1, max_length=200)]


class TuningConfig(BaseModel):
    """How a model is to be tuned.

    Attributes:
        model: name of the model that is tuned.
        sources: jobs (by id) whose designs are learned from, or circuits (by name) for all
            finished jobs on them. On record are the jobs, as they were when it was asked for.
        method: what is trained.
        quantization: how the backbone is held; None for what the method needs, and with `qst` for
            what the model is on record with.
        steps: of the optimizer.
        batch: examples of a step.
        rate: largest learning rate; None for what suits the method.
        rank: inner width of LoRA, and of the downsamplers that have one.
        reduction: how many times narrower than the backbone a side network is (r of the paper).
        downsampler: of a side network.
        checkpointing: recompute activations in the backward pass: those of the side layers with
            `qst`, of all layers with the other methods. Takes less memory and more time.
        seed: the only source of randomness.
        save_every: steps between two checkpoints, from which a killed tuning goes on.
        trials: held-out prompts that are answered and simulated before and after; 0 for none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(min_length=1, max_length=4096)
    sources: tuple[_Source, ...] = Field(min_length=1, max_length=MOST_SOURCES)
    method: TuningMethod = TuningMethod.QST
    quantization: Quantization | None = None
    steps: int = Field(default=200, ge=1, le=1_000_000)
    batch: int = Field(default=4, ge=1, le=1024)
    rate: float | None = Field(default=None, gt=0, le=1)
    rank: int = Field(default=16, ge=1, le=4096)
    reduction: int = Field(default=16, ge=1, le=4096)
    downsampler: Downsampler = "adapter"
    checkpointing: bool = False
    seed: int = Field(default=1, ge=0, le=2**63 - 1)
    save_every: int = Field(default=50, ge=1, le=100_000)
    trials: int = Field(default=8, ge=0, le=1000)

    @property
    def learning_rate(self) -> float:
        """The largest one."""
        return _RATES[self.method] if self.rate is None else self.rate

    @model_validator(mode="after")
    def _sources_differ(self) -> Self:
        doubled = sorted({one for one in self.sources if self.sources.count(one) > 1})
        if doubled:
            raise ValueError(f"sources: {', '.join(doubled)} is named twice; name each once")
        return self

    @model_validator(mode="after")
    def _quantization_suits_the_method(self) -> Self:
        wanted = _FORMS.get(self.method)
        if self.quantization is not None and wanted not in {None, self.quantization}:
            raise ValueError(
                f"quantization: {self.method.value} needs {wanted}, not {self.quantization.value}; "
                "leave it out"
            )
        return self

    def held_as(self, model: Quantization) -> Quantization:
        """How the backbone is loaded, for a model that is on record with `model`."""
        return self.quantization or _FORMS.get(self.method) or model
