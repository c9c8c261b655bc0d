"""A decoder that answers by one task on a backbone that others use too."""

from __future__ import annotations

from typing import Any

from torch import nn

from ado_service.local_llm.peqa.scaled_backbone import ScaledBackbone, Scales


class TaskDecoder(nn.Module):
    """Switches to its task before each pass, so that many tasks share the integers of a backbone.

    A pass takes the backbone's lock. Copying the scales takes milliseconds at most, and the
    key-value cache of one task is never of another's: each decoder is generated with on its own.
    """

    def __init__(self, scaled: ScaledBackbone, task: Scales | None) -> None:
        """Answer by `task`, or as the backbone itself."""
        super().__init__()
        self.decoder = scaled.backbone.model
        self.config = self.decoder.config
        self.generation_config = self.decoder.generation_config
        self._scaled = scaled
        self._task = task

    def forward(self, *inputs: Any, logits_to_keep: int = 0, **named: Any) -> Any:
        """As the decoder's own, which must know `logits_to_keep`; every served family does."""
        with self._scaled.lock:
            self._scaled.switch(self._task)
            return self.decoder(*inputs, logits_to_keep=logits_to_keep, **named)
