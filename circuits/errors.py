"""What can be wrong with a circuit, as errors that name the place and the cure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with a circuit: where it stands, what is wrong, what to do."""

    file: str
    line: int | None
    problem: str
    cure: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.problem}. {self.cure}"


class CircuitError(ValueError):
    """A circuit that cannot be used; `findings` says where, what and how to mend it.

    Example:
        >>> str(CircuitError([Finding("circuit.yaml", 3, "no such unit 'furlong'", "Use V")]))
        "circuit.yaml:3: no such unit 'furlong'. Use V"
    """

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in findings))


class UnknownCircuitError(LookupError):
    """No library circuit has this name and no folder stands at this path."""
