"""Activation-aware mixed-rank compression of a model, all three stages (arXiv 2402.06004)."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import nn
from transformers import PreTrainedModel

from ado_service.local_llm.calibration import Calibration, check_calibration
from ado_service.local_llm.compressed_folder import count_parameters
from ado_service.local_llm.errors import CompressionError
from ado_service.local_llm.mixed_rank.activation_spectrum import ActivationSpectrum, spectra
from ado_service.local_llm.mixed_rank.compensation import CompensationSettings, compensate
from ado_service.local_llm.mixed_rank.factorized_linear import factorize
from ado_service.local_llm.mixed_rank.mixed_rank_model import MixedRankModel
from ado_service.local_llm.mixed_rank.rank_search import RankCurve, search
from ado_service.local_llm.transformer_blocks import blocks, linear_layers


@dataclass(frozen=True, slots=True)
class MixedRankSettings:
    """What is to be reached.

    Attributes:
        keep: part of the model's parameters that may stay, embeddings and head included, although
            only the linear layers in its blocks are cut.
        compensation: of the errors; None leaves stage 3 out.
    """

    keep: float
    compensation: CompensationSettings | None = field(default_factory=CompensationSettings)


def compress(
    model: PreTrainedModel, calibration: Calibration, settings: MixedRankSettings
) -> MixedRankModel:
    """A smaller copy of a vision transformer or decoder; the model itself stays as it was.

    Takes the memory of the model, of its copy, and for one block at a time float64 second moments
    of the inputs of each layer, `d_in x d_in`.

    Args:
        model: of the library, unquantized.
        calibration: inputs like those that it will get; a few thousand tokens or patches more
            than its widest layer has inputs, or the moments have no full rank.
        settings: the budget, and how errors are compensated.

    Raises:
        CompressionError: the budget cannot be met, or the calibration says nothing.
        UnsupportedModelError: the architecture is not supported, or the weights are quantized.
    """
    layers = linear_layers(model)
    check_calibration(calibration)
    original = count_parameters(model)
    saving = original - _budget(original, settings.keep)
    was_training = model.training
    model.train(False)
    try:
        found = _all_spectra(model, layers, calibration)
        ranks = search(_curves(found, layers), saving)
        smaller = copy.deepcopy(model).requires_grad_(False)
        for name, rank in ranks.items():
            _factorize(smaller, name, rank, found[name])
        done = MixedRankModel(smaller, ranks, original)
        if settings.compensation is None:
            return done
        # In call order, as the spectra are: an error is compensated after all those before it.
        names = tuple(name for name in found if name in ranks)
        compensated = compensate(model, smaller, names, calibration, settings.compensation)
        return MixedRankModel(smaller, ranks, original, compensated)
    finally:
        model.train(was_training)


def _budget(original: int, keep: float) -> int:
    if not 0 < keep < 1:
        raise CompressionError(
            f"keep is {keep:g}; give the part of the parameters that may stay, between 0 and 1"
        )
    return int(original * keep)


def _all_spectra(
    model: PreTrainedModel, layers: Mapping[str, nn.Linear], calibration: Calibration
) -> dict[str, ActivationSpectrum]:
    """Block by block: the second moments of all layers at once would outweigh a large model."""
    found: dict[str, ActivationSpectrum] = {}
    for block in blocks(model):
        own = {name: layer for name, layer in layers.items() if name.startswith(f"{block}.")}
        found.update(spectra(model, own, calibration))
    return found


def _curves(
    found: Mapping[str, ActivationSpectrum], layers: Mapping[str, nn.Linear]
) -> dict[str, RankCurve]:
    return {
        name: RankCurve(
            layers[name].in_features, layers[name].out_features, one.energies.cpu().numpy()
        )
        for name, one in found.items()
    }


def _factorize(model: PreTrainedModel, name: str, rank: int, spectrum: ActivationSpectrum) -> None:
    linear = model.get_submodule(name)
    assert isinstance(linear, nn.Linear)
    weight, bias = linear.weight.detach(), linear.bias
    made = factorize(model, name, rank)
    made.fill(*spectrum.factors(weight, rank), bias)
    made.requires_grad_(False)
