"""What can go wrong with a model on this machine, each with a message that names the cure.

LocalModelError
├── MissingExtraError       the optional libraries are not installed
├── ModelFolderError        the folder does not hold a whole model
│   └── WeightsError        a weights file is truncated, corrupt or of another model
├── UnsupportedModelError   an architecture or format that is not served
├── ModelMemoryError        the model is larger than the free memory
└── AdapterError            side weights that are broken or of another backbone
"""

from __future__ import annotations


class LocalModelError(ValueError):
    """Something about a locally hosted model that its owner can put right."""


class MissingExtraError(LocalModelError):
    """The libraries of the extra `local-llm` are not installed."""


class ModelFolderError(LocalModelError):
    """A folder that does not hold a whole Hugging Face model."""


class WeightsError(ModelFolderError):
    """A weights file that is truncated, corrupt or of another model."""


class UnsupportedModelError(LocalModelError):
    """A model of an architecture, format or size that cannot be used."""


class ModelMemoryError(LocalModelError):
    """A model that does not fit in the memory that is free."""


class AdapterError(LocalModelError):
    """Side weights that are broken, or fitted to another backbone or quantization."""
