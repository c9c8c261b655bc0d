"""Random gates for tiny models, and prompts for them."""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ado_service.local_llm.calibration import Calibration
from ado_service.local_llm.disp.gates import Gates
from ado_service.local_llm.disp.layer_shape import Structures, layer_shapes
from tests.ado_service.local_llm.side.side_models import tokens

TEXT: Calibration = [{"input_ids": tokens(4, 24, seed=seed)} for seed in range(2)]


def random_gates(model: PreTrainedModel, *, seed: int = 0, keep: float = 0.6) -> Gates:
    """Each channel stays with probability `keep`, and the first one of each structure always."""
    generator = torch.Generator().manual_seed(seed)

    def gate(width: int) -> Tensor:
        drawn = (torch.rand(width, generator=generator) < keep).float()
        drawn[0] = 1.0
        return drawn

    return {
        name: Structures(*(gate(width) for width in shape.whole))
        for name, shape in layer_shapes(model).items()
    }
