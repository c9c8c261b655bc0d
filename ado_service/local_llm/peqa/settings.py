"""What is chosen about PEQA."""

from __future__ import annotations

from dataclasses import dataclass

from ado_service.local_llm.errors import UnsupportedModelError

_BITS = (3, 4)


@dataclass(frozen=True)
class PEQASettings:
    """How weights become integers.

    Attributes:
        bits: of an integer, 4 or 3.
        group: neighbouring inputs that share a scale; None for one scale for each output channel.
    """

    bits: int = 4
    group: int | None = None

    def __post_init__(self) -> None:
        if self.bits not in _BITS:
            raise UnsupportedModelError(
                f"PEQA with {self.bits} bits is not possible; use 4 or 3. Weights rounded to 2 "
                "bits are beyond repair by scales: tune those by LoftQ"
            )
        if self.group is not None and self.group < 1:
            raise UnsupportedModelError(f"a group of {self.group} inputs is not possible")

    def groups(self, inputs: int) -> int:
        """Scales of an output channel with so many inputs.

        Raises:
            UnsupportedModelError: they are not a whole number of groups.
        """
        if self.group is None:
            return 1
        if inputs % self.group:
            raise UnsupportedModelError(
                f"groups of {self.group} do not divide {inputs} inputs; use a divisor, or none for "
                "a scale for each channel"
            )
        return inputs // self.group
