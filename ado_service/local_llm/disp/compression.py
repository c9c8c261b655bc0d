"""Dimension-independent structural pruning of a decoder (DISP-LLM, arXiv 2410.11988)."""

from __future__ import annotations

from dataclasses import dataclass, field

from transformers import PreTrainedModel

from ado_service.local_llm.calibration import Calibration, check_calibration
from ado_service.local_llm.disp.budget import Budget
from ado_service.local_llm.disp.disp_model import DispModel
from ado_service.local_llm.disp.learning import LearningSettings, Watch, learn


@dataclass(frozen=True, slots=True)
class DispSettings:
    """What is to be reached.

    Attributes:
        keep: part of the model's parameters that may stay, embeddings and head included, although
            only its layers are pruned.
        learning: of the hypernetwork.
    """

    keep: float
    learning: LearningSettings = field(default_factory=LearningSettings)


def compress(
    model: PreTrainedModel, calibration: Calibration, settings: DispSettings,
    watch: Watch | None = None,
) -> DispModel:  # fmt: skip
    """A pruned copy of a decoder; the model's own weights stay as they were.

    Which channels stay is learned, the weights that stay are the model's own. In the end one
    threshold on the learned logits decides, which is placed so that the budget is just met.

    Args:
        model: of a family in `layer_shape.FAMILIES`, unquantized.
        calibration: batches of text like that which it will get: `input_ids`, and perhaps
            `attention_mask` and `labels`.
        settings: the budget, and how long is learned.
        watch: is told of each step.

    Raises:
        CompressionError: the budget cannot be met, or the calibration says nothing.
        UnsupportedModelError: the architecture is not supported, or the weights are quantized.
    """
    budget = Budget.of(model, settings.keep)
    check_calibration(calibration)
    was_training = model.training
    trainable = [one for one in model.parameters() if one.requires_grad]
    model.train(False)
    model.requires_grad_(False)
    try:
        logits = learn(model, calibration, budget, settings.learning, watch)
    finally:
        model.train(was_training)
        for parameter in trainable:
            parameter.requires_grad_(True)
    return DispModel.prune(model, budget.masks(logits))
