"""The arms of the comparison: each a job of the service, but for its seed, budget and model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ado_service.job_config import Demonstrations, JobConfig, LlmShare, Method, Model, Start
from circuits.objective import Mode, Objective

INITIAL = 5
"""Designs before the first round, in every arm."""
ZERO_SHOT = "zero-shot"
"""The arm whose first turns every arm with an LLM start has."""
FULL_BUDGET = 105
"""Simulations of the paper: 5 and 20 rounds of 5."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One method of the comparison; left as they are, fields are the paper's setting.

    Attributes:
        label: what it is, in words.
        method, start, model, llm_share, demonstrations: see `JobConfig`.
        stretch: how many times the rounds of the budget it gets.
    """

    label: str
    method: Method
    start: Start
    model: Model = Model.FOM
    llm_share: LlmShare = LlmShare.FIXED
    demonstrations: Demonstrations = Demonstrations.TOP
    stretch: int = 1

    @property
    def starts_with_llm(self) -> bool:
        """Whether its initial designs are zero-shot answers."""
        return self.start is Start.LLM

    @property
    def needs_llm(self) -> bool:
        """Whether it asks a model at any time."""
        return self.starts_with_llm or self.method in {Method.ADO_LLM, Method.LLM}

    def simulations(self, budget: int) -> int:
        """How many designs it simulates where others simulate `budget`."""
        return INITIAL + self.stretch * (budget - INITIAL)

    def config(self, seed: int, budget: int, profile: str | None) -> JobConfig:
        """Its job.

        Args:
            seed: of the job; arms of a seed that start alike start from the same designs.
            budget: at least 6, see `simulations`.
            profile: of the model; dropped where the arm asks none.
        """
        return JobConfig(
            objective=Objective(Mode.FOM),
            budget=self.simulations(budget),
            initial=INITIAL,
            batch=INITIAL,
            seed=seed,
            method=self.method,
            llm=profile if self.needs_llm else None,
            demonstrations=self.demonstrations,
            top_k=5,
            start=self.start,
            model=self.model,
            llm_share=self.llm_share,
            candidates=1,
        )


_ARMS = {
    "random": Arm("random search", Method.RANDOM, Start.RANDOM),
    "gp-bo": Arm("GP-BO", Method.GP_BO, Start.RANDOM),
    "gp-bo-405": Arm("GP-BO, four times the rounds", Method.GP_BO, Start.RANDOM, stretch=4),
    ZERO_SHOT: Arm("the LLM's first five designs", Method.LLM, Start.LLM, stretch=0),
    "gp-bo-llm-start": Arm("GP-BO from the LLM's designs", Method.GP_BO, Start.LLM),
    "llm": Arm("LLM agent", Method.LLM, Start.LLM),
    "llm-none": Arm(
        "LLM agent without demonstrations", Method.LLM, Start.LLM,
        demonstrations=Demonstrations.NONE,
    ),
    "llm-random": Arm(
        "LLM agent, five random demonstrations", Method.LLM, Start.LLM,
        demonstrations=Demonstrations.RANDOM,
    ),
    "ado-llm": Arm("ADO-LLM", Method.ADO_LLM, Start.LLM),
    "ado-llm-random-start": Arm("ADO-LLM from random designs", Method.ADO_LLM, Start.RANDOM),
    "ado-llm-none": Arm(
        "ADO-LLM without demonstrations", Method.ADO_LLM, Start.LLM,
        demonstrations=Demonstrations.NONE,
    ),
    "ado-llm-random": Arm(
        "ADO-LLM, five random demonstrations", Method.ADO_LLM, Start.LLM,
        demonstrations=Demonstrations.RANDOM,
    ),
    "ours-gp": Arm("a GP per metric", Method.GP_BO, Start.RANDOM, model=Model.METRICS),
    "ours": Arm(
        "a GP per metric and the LLM, by its gains", Method.ADO_LLM, Start.LLM,
        model=Model.METRICS, llm_share=LlmShare.ADAPTIVE,
    ),
}  # fmt: skip
ARMS: Mapping[str, Arm] = MappingProxyType(_ARMS)
"""All arms by name, in the order of their rows."""
