"""The forms in which a backbone holds its weights."""

from __future__ import annotations

from enum import StrEnum


class Quantization(StrEnum):
    """How the weights of the linear layers are held."""

    NF4 = "nf4"
    NONE = "none"
