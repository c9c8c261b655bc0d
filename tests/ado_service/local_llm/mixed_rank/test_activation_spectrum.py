"""The closed form is the best there is, and is measured on what layers really get."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ado_service.local_llm.mixed_rank.activation_spectrum import (
    ActivationSpectrum,
    second_moments,
    spectra,
)
from ado_service.local_llm.transformer_blocks import linear_layers
from tests.ado_service.local_llm.side.side_models import tokens
from tests.ado_service.local_llm.tiny_models import FAMILIES, make_model
from tests.ado_service.local_llm.tiny_vits import images, make_vit


def problem(inputs: int, outputs: int) -> tuple[Tensor, Tensor]:
    """Inputs with directions of very different size, `rows x d_in`, and a weight."""
    generator = torch.Generator().manual_seed(3)
    mixed = torch.randn(inputs, inputs, generator=generator, dtype=torch.float64)
    sizes = torch.logspace(0, -2, inputs, dtype=torch.float64)
    X = torch.randn(500, inputs, generator=generator, dtype=torch.float64) * sizes @ mixed
    return X, torch.randn(outputs, inputs, generator=generator, dtype=torch.float64)


def whitened_svd_error(X: Tensor, weight: Tensor, rank: int) -> float:
    """Least ||X W - X W'||_F by another way: the SVD of the weight on whitened inputs."""
    root = torch.linalg.cholesky(X.T @ X)
    left, sizes, right = torch.linalg.svd(root.T @ weight.T)
    best = torch.linalg.solve(root.T, left[:, :rank] * sizes[:rank] @ right[:rank])
    return float(torch.linalg.norm(X @ weight.T - X @ best))


@pytest.mark.parametrize(("inputs", "outputs"), [(24, 24), (12, 40), (40, 12)])
def test_the_error_is_that_of_the_whitened_svd(inputs: int, outputs: int) -> None:
    X, weight = problem(inputs, outputs)
    spectrum = ActivationSpectrum.of(weight, X.T @ X)
    for rank in (1, 3, 8):
        down, up = spectrum.factors(weight, rank)
        assert down.shape == (rank, inputs)
        assert up.shape == (outputs, rank)
        error = float(torch.linalg.norm(X @ weight.T - X @ down.T @ up.T))
        assert error == pytest.approx(whitened_svd_error(X, weight, rank), rel=1e-5)
        assert error == pytest.approx(float(spectrum.energies[rank:].sum().sqrt()), rel=1e-5)


def test_it_beats_the_svd_that_knows_no_inputs() -> None:
    X, weight = problem(24, 24)
    down, up = ActivationSpectrum.of(weight, X.T @ X).factors(weight, 6)
    left, sizes, right = torch.linalg.svd(weight)
    plain = torch.linalg.norm(X @ (weight - left[:, :6] * sizes[:6] @ right[:6]).T)
    assert torch.linalg.norm(X @ (weight - up @ down).T) < 0.5 * plain


@pytest.mark.parametrize("family", ["vit", "deit"])
def test_moments_are_those_of_all_batches_of_a_vision_transformer(family: str) -> None:
    model = make_vit(family)
    layers, batches = linear_layers(model), [images(5, seed=1), images(3, seed=2)]
    found = second_moments(model, list(layers), batches)
    assert set(found) == set(layers)
    for name, moments in found.items():
        seen = []
        hook = layers[name].register_forward_pre_hook(
            lambda _, taken, seen=seen: seen.append(taken[0].double().flatten(0, -2))
        )
        with torch.no_grad():
            for batch in batches:
                model(**batch)
        hook.remove()
        X = torch.cat(seen)
        assert moments.dtype == torch.float64
        torch.testing.assert_close(moments, X.T @ X, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_does_not_count(family: str) -> None:
    model, ids = make_model(family), tokens(2, 8)
    names = list(linear_layers(model))
    mask = torch.tensor([[0, 0, 0, 1, 1, 1, 1, 1], [1] * 8])
    padded = second_moments(model, names, [{"input_ids": ids * mask, "attention_mask": mask}])
    alone = second_moments(model, names, [{"input_ids": ids[:1, 3:]}, {"input_ids": ids[1:]}])
    assert list(padded) == list(alone)
    for name in names:
        scale = float(alone[name].diagonal().mean())
        torch.testing.assert_close(padded[name], alone[name], rtol=1e-3, atol=1e-4 * scale)


def test_layers_come_in_the_order_in_which_they_are_called() -> None:
    """Phi-3 defines what comes out of attention before what goes into it."""
    model = make_model("phi3")
    layers = linear_layers(model)
    names = [name for name in spectra(model, layers, [{"input_ids": tokens()}]) if ".0." in name]
    assert names[:2] == [
        "model.layers.0.self_attn.qkv_proj", "model.layers.0.self_attn.o_proj",
    ]  # fmt: skip
