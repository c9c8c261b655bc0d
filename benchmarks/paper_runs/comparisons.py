"""Which arm is held against which, and what the pair has in common."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Comparison:
    """One arm against another, on each circuit.

    Attributes:
        group: what it is about; first part of the row's name.
        ours, peer: names of the arms.
        says: what the pair tells.
        goal: what the ratio of gains is to pass; None where nothing is claimed.
    """

    group: str
    ours: str
    peer: str
    says: str
    goal: float | None = 1.0

    def row_name(self, circuit: str) -> str:
        """Name of its row."""
        return f"{self.group}/{circuit}/{self.ours}-vs-{self.peer}"


COMPARISONS = (
    Comparison("baseline", "gp-bo", "random", "GP-BO against no model at all"),
    # The paper's table of methods: its ADO-LLM has an LLM start, its GP-BO a random one.
    Comparison("methods", "ado-llm", "gp-bo", "as in the paper"),
    Comparison("methods", "ado-llm", "gp-bo-405", "as in the paper: a quarter of the budget"),
    Comparison("methods", "ado-llm", "llm", "as in the paper: what the GP brings"),
    # The same with like starts.
    Comparison("matched", "ado-llm", "gp-bo-llm-start", "what the LLM brings after its start"),
    Comparison("matched", "ado-llm-random-start", "gp-bo", "what the LLM brings without its start"),
    # The paper's table of starts.
    Comparison("start", "gp-bo-llm-start", "gp-bo", "as in the paper: what the LLM's start brings"),
    Comparison("start", "ado-llm", "ado-llm-random-start", "the same for ADO-LLM"),
    # The paper's table of demonstrations.
    Comparison("demonstrations", "llm", "llm-none", "top 5 against none"),
    Comparison("demonstrations", "llm", "llm-random", "top 5 against random 5"),
    Comparison("demonstrations", "llm-random", "llm-none", "random 5 against none", goal=None),
    Comparison("demonstrations", "ado-llm", "ado-llm-none", "top 5 against none"),
    Comparison("demonstrations", "ado-llm", "ado-llm-random", "top 5 against random 5"),
    Comparison("demonstrations", "ado-llm-random", "ado-llm-none", "random 5, none", goal=None),
    # Ours against the paper's.
    Comparison("ours", "ours-gp", "gp-bo", "a GP per metric against one on the FOM"),
    Comparison("ours", "ours-gp", "gp-bo-405", "the same at a quarter of the budget"),
    Comparison("ours", "ours-gp", "ado-llm", "no LLM against the paper's method", goal=None),
    Comparison("ours", "ours", "ado-llm", "whole method against whole method"),
    Comparison("ours", "ours", "ours-gp", "what the LLM brings to ours"),
)  # fmt: skip

OVER_ALL = {
    "start/llm-vs-random": ("gp-bo-llm-start", "gp-bo"),
    "demonstrations/top-vs-random": ("ado-llm", "ado-llm-random"),
    "demonstrations/top-vs-none": ("ado-llm", "ado-llm-none"),
}
"""Names of rows over all circuits, and the two arms of each: what the paper claims in general."""
