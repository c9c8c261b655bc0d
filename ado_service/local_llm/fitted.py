"""Which backbone a tuning was fitted to, and in which form that was held."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ado_service.local_llm.backbone import Backbone
from ado_service.local_llm.errors import AdapterMismatchError
from ado_service.local_llm.quantization import Quantization


@dataclass(frozen=True, slots=True)
class Fitted:
    """A backbone as a tuning knew it; printed as `'small' (nf4, weights 0123456789ab)`.

    Attributes:
        name: of the backbone then.
        fingerprint: `ModelFolder.fingerprint` of it.
        quantization: how its weights were held.
    """

    name: str
    fingerprint: str
    quantization: Quantization

    def __str__(self) -> str:
        return f"{self.name!r} ({self.quantization.value}, weights {self.fingerprint[:12]})"

    def check(self, folder: Path, backbone: Backbone) -> None:
        """See that the tuning in `folder` may be used with a loaded backbone.

        A side network reads hidden states, which differ with weights and quantization alike.

        Raises:
            AdapterMismatchError: it was fitted to another one, or to another form of it.
        """
        loaded = Fitted(backbone.name, backbone.fingerprint, backbone.quantization)
        if self.fingerprint != loaded.fingerprint:
            cure = "load the model that it was tuned on"
        elif self.quantization is not loaded.quantization:
            cure = f"load it with {self.quantization.value!r}"
        else:
            return
        raise AdapterMismatchError(folder, str(self), str(loaded), cure)
