"""The seam to a simulator: designs in, results out, failures as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from simulators.result import SimulationResult

Values = Mapping[str, float]
"""Variable values of a design by name, SI units.

One name is reserved: `mismatch_sample` is the seed of the design's mismatch, an integer, and
absent or 0 for none. Simulators hand it through to their decks, though it is no variable.
"""


class Simulator(Protocol):
    """Measures designs of one circuit, all testbenches and corners of a design in one task.

    Contract: a design never raises; whatever goes wrong with it is the `failure` of its result.
    A result depends on the design alone, not on what was simulated before or beside it. `close`
    ends every process; nothing is left on disk.
    """

    @property
    def version(self) -> str:
        """Name and version, such as `ngspice-39`."""
        ...

    def run(self, designs: Sequence[Values]) -> list[SimulationResult]:
        """Results of `designs`, in their order."""
        ...

    def stream(self, designs: Sequence[Values]) -> Iterator[tuple[int, SimulationResult]]:
        """The same one by one as they finish: (index into `designs`, result)."""
        ...

    def close(self) -> None:
        """End all processes; the simulator cannot be used afterwards."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
