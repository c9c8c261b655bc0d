"""What is chosen about LoftQ."""

from __future__ import annotations

from dataclasses import dataclass

from ado_service.local_llm.errors import UnsupportedModelError
from ado_service.local_llm.quant.code_book import CodeBook, Scaling


@dataclass(frozen=True)
class LoftQSettings:
    """How weights are quantized, and what makes up for it.

    Attributes:
        rank: of the LoRA matrices; their `lora_alpha` is the same.
        book: of all layers, or of those after the first ones.
        first_layers: how many decoder layers from the first on have `first_book` instead (mixed
            precision), with the projections outside of all layers; 0 for none.
        first_book: of these.
        steps: of quantization and singular value decomposition in turn.
        scaling: of blocks; `absmax` is the published one.
    """

    rank: int = 16
    book: CodeBook = CodeBook.NF4
    first_layers: int = 0
    first_book: CodeBook = CodeBook.NF4
    steps: int = 5
    scaling: Scaling = Scaling.FITTED

    def __post_init__(self) -> None:
        if self.rank < 1 or self.steps < 1 or self.first_layers < 0:
            raise UnsupportedModelError(
                f"LoftQ with rank {self.rank}, {self.steps} steps and {self.first_layers} first "
                "layers is not possible; rank and steps are at least 1, first layers at least 0"
            )

    def book_of(self, number: int | None) -> CodeBook:
        """The book of a decoder layer by its number, or of what is outside of all layers."""
        if self.first_layers and (number is None or number < self.first_layers):
            return self.first_book
        return self.book
