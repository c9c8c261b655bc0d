"""What a job is asked to do: everything that, with the circuit, determines its course."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from circuits.objective import Mode, Objective, WrittenObjective
from circuits.spec import Spec

_LARGEST_SEED = 2**63 - 1
_LARGEST_BUDGET = 100_000
_LARGEST_GP_BUDGET = 2_000
_LARGEST_BATCH = 256
_MOST_SOURCES = 8
_Source = Annotated[str, Field(min_length=1, max_length=200)]


def _number(value: object) -> object:
    if isinstance(value, bool) or (isinstance(value, float) and math.isnan(value)):
        raise ValueError(f"{str(value).lower()} is no number; write one")
    return value


def _sources(value: object) -> object:
    if value is None or isinstance(value, str):
        raise ValueError(
            'write a list of jobs and circuits, such as ["two_stage_amplifier"]; leave it out for '
            "none"
        )
    return value


_Whole = Annotated[int, BeforeValidator(_number)]
_Seconds = Annotated[float, BeforeValidator(_number)]
_Sources = Annotated[tuple[_Source, ...], BeforeValidator(_sources)]


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


class Model(StrEnum):
    """What the GP models."""

    METRICS = "metrics"
    """Each spec's metric, a process each; the objective is composed on them."""
    FOM = "fom"
    """The figure of merit, one process, as in the paper."""


class LlmShare(StrEnum):
    """How much of a round of `ado-llm` is the LLM's."""

    ADAPTIVE = "adaptive"
    """By what its designs gained so far (`ado_service.credit.llm_designs`)."""
    FIXED = "fixed"
    """One design a round, as in the paper."""


class Gating(StrEnum):
    """How far a design is simulated that will not meet the specs."""

    SPECS = "specs"
    """The nominal corner first: the others only for designs that meet its specs, and its
    transients not for designs that its operating point and AC rule out."""
    NONE = "none"
    """Every testbench in every corner for every design."""


class JobConfig(BaseModel):
    """How a circuit is to be sized.

    Attributes:
        spec_set: name of the circuit's spec set; None for its first one.
        specs: specs to use instead of a set; None to use the set.
        objective: what the search is after: `specs`, `fom` or `pareto:METRIC,METRIC`.
        budget: how many designs are simulated at most, initial ones included; at most 2,000 for
            methods with a GP.
        initial: how many designs are simulated before the first round; left out: 5, or the budget
            where that is less.
        batch: how many designs a round proposes; left out: as `initial`.
        seed: the only source of randomness of the job.
        method: who proposes designs.
        llm: name of an LLM profile configured on the server; None for no LLM.
        replay: a job whose recorded LLM replies are used instead of asking a model; with that
            job's own settings it is reproduced bit for bit. None to ask.
        demonstrations: which earlier designs the LLM is shown.
        top_k: how many of them.
        start: who proposes the initial designs.
        model: what the GP models: each metric, or the figure of merit as in the paper.
        llm_share: how much of a round of `ado-llm` is the LLM's.
        candidates: how many designs the LLM is asked for in place of one once something is
            simulated, eight at a time at most; the GP's models choose among them. Left out: 4 of a
            model of this machine, 1 of an endpoint, where tokens cost money.
        warm_start: jobs (by id) and circuits (by name or content hash) whose designs on record
            the search starts from.
        stop_when_feasible: end at the first design that meets every spec; None for yes when the
            objective is `specs` and no otherwise.
        time_limit: longest simulation of one design, seconds.
        gating: how far a design is simulated that will not meet the specs.
        fast: keep circuits loaded and alter them in place; a design that would be the best so
            far is simulated again by a reload, and that result counts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    spec_set: str | None = Field(default=None, min_length=1, max_length=200)
    specs: tuple[Spec, ...] | None = Field(default=None, min_length=1)
    objective: WrittenObjective = Field(default_factory=Objective)
    budget: _Whole = Field(
        # Its limit is the method's, see `_the_method_can_carry_the_budget`.
        default=105, ge=1, json_schema_extra={"maximum": _LARGEST_BUDGET}
    )  # fmt: skip
    initial: _Whole = Field(default=5, ge=1, le=_LARGEST_BATCH)
    batch: _Whole = Field(default=5, ge=1, le=_LARGEST_BATCH)
    seed: _Whole = Field(default=1, ge=0, le=_LARGEST_SEED)
    method: Method = Method.ADO_LLM
    llm: str | None = Field(default=None, min_length=1, max_length=200)
    replay: str | None = Field(default=None, min_length=1, max_length=200)
    demonstrations: Demonstrations = Demonstrations.TOP
    top_k: _Whole = Field(default=5, ge=1, le=1000)
    start: Start = Start.AUTO
    model: Model = Model.METRICS
    llm_share: LlmShare = LlmShare.ADAPTIVE
    candidates: _Whole = Field(default=1, ge=1, le=20)
    warm_start: _Sources = Field(default=(), max_length=_MOST_SOURCES)
    stop_when_feasible: bool | None = None
    time_limit: _Seconds = Field(default=30.0, gt=0, le=86_400)
    gating: Gating = Gating.SPECS
    fast: bool = False

    @property
    def ends_when_feasible(self) -> bool:
        """Whether the first design that meets every spec ends the job."""
        if self.stop_when_feasible is None:
            return self.objective.mode is Mode.SPECS
        return self.stop_when_feasible

    @model_validator(mode="after")
    def _sources_differ(self) -> Self:
        doubled = sorted({one for one in self.warm_start if self.warm_start.count(one) > 1})
        if doubled:
            raise ValueError(f"warm_start: {', '.join(doubled)} is named twice; name each once")
        return self

    @model_validator(mode="after")
    def _the_method_can_carry_the_budget(self) -> Self:
        if self.method is Method.RANDOM and self.budget > _LARGEST_BUDGET:
            raise ValueError(
                f"budget: {self.budget} is too much; lower budget to {_LARGEST_BUDGET}"
            )
        if self.method is not Method.RANDOM and self.budget > _LARGEST_GP_BUDGET:
            raise ValueError(
                f"budget: {self.budget} is too much for method {self.method.value!r}: an exact GP "
                f"takes time with the cube of its designs; lower budget to {_LARGEST_GP_BUDGET}, "
                f"or choose method 'random', which takes up to {_LARGEST_BUDGET}"
            )
        return self

    @model_validator(mode="after")
    def _designs_fit_the_budget(self) -> Self:
        for name, what in (("initial", "initial designs"), ("batch", "designs a round")):
            count: int = getattr(self, name)
            if count <= self.budget:
                continue
            if name in self.model_fields_set:
                raise ValueError(
                    f"{name}: {count} {what} do not fit a budget of {self.budget}; "
                    f"lower {name} or raise budget"
                )
            # A default gives way, and stays one: it is not in `model_fields_set`.
            object.__setattr__(self, name, self.budget)
        return self

    @model_validator(mode="after")
    def _one_spec_a_metric(self) -> Self:
        names = [spec.metric for spec in self.specs or ()]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"specs: more than one spec on {', '.join(doubled)}; keep one of each")
        return self
