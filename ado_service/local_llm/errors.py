"""What can go wrong with a model on this machine, each with a message that names the cure.

LocalModelError
├── MissingExtraError       the optional libraries are not installed
├── ModelFolderError        the folder does not hold a whole model
│   └── WeightsError        a weights file is truncated, corrupt or of another model
├── UnsupportedModelError   an architecture or format that is not served
├── ModelMemoryError        the model is larger than the free memory
├── CompressionError        a budget or calibration that no compression can do with
└── AdapterError            side weights that are broken
    └── AdapterMismatchError    side weights of another backbone or quantization
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar


class LocalModelError(ValueError):
    """Something about a locally hosted model that its owner can put right.

    The message is for the owner and for logs: it may name folders of this machine.
    """

    _public: ClassVar[str] = "this model cannot be loaded now; the server's log says why"

    @property
    def public(self) -> str:
        """What may be shown to anyone who asks over a network."""
        return self._public


class MissingExtraError(LocalModelError):
    """The libraries of the extra `local-llm` are not installed."""

    @property
    def public(self) -> str:
        """The message: it names libraries only."""
        return str(self)


class ModelFolderError(LocalModelError):
    """A folder that does not hold a whole Hugging Face model."""


class WeightsError(ModelFolderError):
    """A weights file that is truncated, corrupt or of another model."""

    _public = (
        "the weights of this model are truncated or corrupt on the server; its log says which, "
        "and what to do"
    )


class UnsupportedModelError(LocalModelError):
    """A model of an architecture, format or size that cannot be used."""

    _public = "this model is of an architecture that the server cannot run; its log says more"


class ModelMemoryError(LocalModelError):
    """A model that does not fit in the memory that is free."""

    _public = (
        "this model does not fit in the server's free memory; ask a smaller one, or try again "
        "when less runs there"
    )


class CompressionError(LocalModelError):
    """A budget that cannot be met, or calibration data that says nothing."""


class AdapterError(LocalModelError):
    """Side weights that are broken, or that lack the model that they were fitted to."""

    _public = (
        "this tuning cannot be used with the model that it is to be used with; the server's log "
        "says more"
    )


class AdapterMismatchError(AdapterError):
    """Side weights that were fitted to another backbone, or to another quantization of it.

    Args:
        folder: where they lie.
        fitted: what they were fitted to, in words.
        loaded: what they are to be used with, in words.
        cure: what to do.
    """

    def __init__(self, folder: Path, fitted: str, loaded: str, cure: str) -> None:
        self._mismatch = f"was fitted to {fitted}, and is to be used with {loaded}; {cure}"
        super().__init__(f"the tuning in {folder} {self._mismatch}")

    @property
    def public(self) -> str:
        """Which two models do not go together: the names of both can be listed anyway."""
        return f"this tuning {self._mismatch}"
