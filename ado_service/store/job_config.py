"""What a job is asked to do: everything that, with the circuit, determines its course."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from ado_service.store.record import Record
from circuits.spec import Spec

_LARGEST_SEED = 2**63 - 1


class Method(StrEnum):
    """Who proposes designs after the initial ones."""

    ADO_LLM = "ado-llm"
    """GP-BO and the LLM agent side by side on one design database."""
    GP_BO = "gp-bo"
    LLM = "llm"
    RANDOM = "random"


class Demonstrations(StrEnum):
    """Which earlier designs the LLM is shown."""

    TOP = "top"
    """The best by figure of merit."""
    RANDOM = "random"
    NONE = "none"


class Start(StrEnum):
    """Who proposes the initial designs."""

    AUTO = "auto"
    """The LLM, zero-shot, where the method has one; random otherwise."""
    LLM = "llm"
    SOBOL = "sobol"
    RANDOM = "random"


class JobConfig(Record):
    """How a circuit is to be sized.

    Attributes:
        spec_set: name of the circuit's spec set; None for its first one.
        specs: specs to use instead of a set; None to use the set.
        budget: how many designs are simulated at most, initial ones included.
        initial: how many designs are simulated before the first round.
        batch: how many designs a round proposes.
        seed: the only source of randomness of the job.
        method: who proposes designs.
        llm: name of an LLM profile configured on the server; None for no LLM.
        replay: a job whose recorded LLM replies are used instead of asking a model; with that
            job's own settings it is reproduced bit for bit. None to ask.
        demonstrations: which earlier designs the LLM is shown.
        top_k: how many of them.
        start: who proposes the initial designs.
        stop_when_feasible: end at the first design that meets every spec.
        time_limit: longest simulation of one design, seconds.
    """

    spec_set: str | None = Field(default=None, min_length=1, max_length=200)
    specs: tuple[Spec, ...] | None = Field(default=None, min_length=1)
    budget: int = Field(default=105, ge=1, le=100_000)
    initial: int = Field(default=5, ge=1)
    batch: int = Field(default=5, ge=1)
    seed: int = Field(default=1, ge=0, le=_LARGEST_SEED)
    method: Method = Method.ADO_LLM
    llm: str | None = Field(default=None, min_length=1, max_length=200)
    replay: str | None = Field(default=None, min_length=1, max_length=200)
    demonstrations: Demonstrations = Demonstrations.TOP
    top_k: int = Field(default=5, ge=1, le=1000)
    start: Start = Start.AUTO
    stop_when_feasible: bool = False
    time_limit: float = Field(default=30.0, gt=0, le=86_400)

    @model_validator(mode="after")
    def _fields_agree(self) -> Self:
        if self.initial > self.budget:
            raise ValueError(
                f"initial: {self.initial} initial designs do not fit a budget of {self.budget}; "
                "lower initial or raise budget"
            )
        if self.batch > self.budget:
            raise ValueError(
                f"batch: {self.batch} designs a round do not fit a budget of {self.budget}; "
                "lower batch or raise budget"
            )
        return self

    @model_validator(mode="after")
    def _llm_is_there(self) -> Self:
        if self.llm is not None or self.replay is not None:
            return self
        if self.method is Method.LLM:
            raise ValueError(
                "llm: method 'llm' has nobody to ask; name an LLM profile in llm, or choose "
                "another method"
            )
        if self.start is Start.LLM:
            raise ValueError(
                "llm: start 'llm' has nobody to ask; name an LLM profile in llm, or choose "
                "another start"
            )
        return self

    @model_validator(mode="after")
    def _one_spec_a_metric(self) -> Self:
        names = [spec.metric for spec in self.specs or ()]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"specs: more than one spec on {', '.join(doubled)}; keep one of each")
        return self
