"""What a job may use of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ado_service.llm.chat import Usage
from ado_service.llm.profile import LLMProfile


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one job; None for no limit.

    Attributes:
        max_calls: HTTP requests, retries included.
        max_tokens: prompt and completion tokens together.
        max_cost: in the currency of the profile's prices.
    """

    max_calls: int | None = None
    max_tokens: int | None = None
    max_cost: float | None = None

    @classmethod
    def of(cls, profile: LLMProfile) -> Self:
        """The budget that a profile gives a job that names none."""
        return cls(profile.max_calls, profile.max_tokens_per_job, profile.max_cost)

    def exceeded(self, used: Usage) -> str | None:
        """Which limit is used up, in words; None while another call may be made.

        A call's price is known after it only, so that the last one may pass a limit.
        """
        if self.max_calls is not None and used.calls >= self.max_calls:
            return f"{used.calls} of {self.max_calls} calls are used"
        if self.max_tokens is not None and used.tokens >= self.max_tokens:
            return f"{used.tokens} of {self.max_tokens} tokens are used"
        if self.max_cost is not None and used.cost >= self.max_cost:
            return f"{used.cost:.6g} of a cost of {self.max_cost:.6g} is used"
        return None
