"""How much is trained for the comparison of losses."""

from __future__ import annotations

from dataclasses import dataclass

from ado_service.local_llm.pretrain.network import Shape


@dataclass(frozen=True, slots=True)
class LossPlan:
    """How much is done.

    Attributes:
        shape: of the backbone, where none is given.
        designs: simulated of each circuit.
        school: examples that the backbone is trained on. lessons: of a tuning. held: to ask for.
        size: examples of a batch.
        reduction: r of QST.
        seeds: how many tunings of each method.
    """

    shape: Shape
    designs: int
    school: int
    lessons: int
    held: int
    size: int
    reduction: int
    seeds: int


FULL = LossPlan(
    Shape(width=192, inner=512, layers=4, heads=4, context=2048),
    designs=300,
    school=600,
    lessons=400,
    held=48,
    size=4,
    reduction=4,
    seeds=3,
)  # fmt: skip
QUICK = LossPlan(
    Shape(width=64, inner=128, layers=2, heads=4, context=2048),
    designs=48, school=8, lessons=4, held=4, size=2, reduction=4, seeds=1,
)  # fmt: skip
