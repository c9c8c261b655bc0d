"""Language models on this machine: loading, side tuning, generation.

Importing this package is cheap; its modules import transformers, and need the extra `local-llm`.
"""

from __future__ import annotations

from importlib.util import find_spec

from ado_service.local_llm.errors import LocalModelError, MissingExtraError

__all__ = ["LocalModelError", "MissingExtraError", "require_extra"]

_EXTRA = ("accelerate", "bitsandbytes", "llguidance", "peft", "safetensors", "transformers")


def require_extra() -> None:
    """Check that the libraries of the extra are installed; call it before importing a module.

    Raises:
        MissingExtraError: naming those that are missing, and the command that installs them.
    """
    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"local models need {', '.join(missing)}: pip install 'ado-service[local-llm]'"
        )
