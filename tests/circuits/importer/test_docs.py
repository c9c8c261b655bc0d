"""docs/circuits.md names what is refused."""

from __future__ import annotations

import pytest

from circuits.folder import LIBRARY
from circuits.importer.refusals import REFUSED_CARDS, REFUSED_SOURCES

TEXT = (LIBRARY.parents[1] / "docs" / "circuits.md").read_text(encoding="utf-8")
REFUSED = TEXT[TEXT.index("### What is refused") : TEXT.index("### From xschem")]


@pytest.mark.parametrize("word", [*REFUSED_CARDS, *REFUSED_SOURCES])
def test_named(word: str) -> None:
    assert f"`{word}`" in REFUSED
