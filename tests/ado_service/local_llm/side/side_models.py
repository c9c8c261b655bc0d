"""Side networks beside tiny models."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ado_service.local_llm.side.qst_model import QSTModel
from ado_service.local_llm.side.side_config import SideSettings
from ado_service.local_llm.side.side_network import SideNetwork

REDUCTION, RANK = 4, 4


def settings(**changes: Any) -> SideSettings:
    return SideSettings(**{"reduction": REDUCTION, "rank": RANK, "dtype": "float32", **changes})


def attach(model: PreTrainedModel, *, seed: int = 0, **changes: Any) -> QSTModel:
    """A new side network beside the model: it changes nothing yet."""
    return QSTModel(model, SideNetwork.create(model, settings(**changes), seed=seed)).eval()


def trained(model: PreTrainedModel, *, seed: int = 0, **changes: Any) -> QSTModel:
    """Gates open at random and random weights, so that the side network matters for every logit."""
    tuned = attach(model, seed=seed, **changes)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in tuned.side.parameters():
            spread = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(0.3 * spread if parameter.ndim < 2 else 0.4 * spread)
    return tuned


def tokens(rows: int = 2, length: int = 12, *, seed: int = 0) -> Tensor:
    """Token numbers past the special ones, `rows x length`."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(3, 259, (rows, length), generator=generator)
