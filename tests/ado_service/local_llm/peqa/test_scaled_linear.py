"""Gradients of scales without the gradient of the weights, against autograd's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ado_service.local_llm.peqa.integer_matrix import round_to_nearest
from ado_service.local_llm.peqa.scaled_linear import ScaledLinear
from ado_service.local_llm.peqa.settings import PEQASettings

ALL = [PEQASettings(bits, group) for bits in (4, 3) for group in (None, 16)]


def made(settings: PEQASettings, *, bias: bool = True, changed: bool = True) -> ScaledLinear:
    torch.manual_seed(0)
    plain = nn.Linear(48, 20, bias=bias)
    layer = ScaledLinear(round_to_nearest(plain.weight, settings), plain.bias)
    if changed:
        with torch.no_grad():
            layer.delta.copy_(0.1 * layer.scales * torch.randn(layer.delta.shape))
    return layer


def inputs(dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(3, 7, 48, generator=torch.Generator().manual_seed(1)).to(dtype)


def by_autograd(layer: ScaledLinear, X: Tensor, delta: Tensor) -> Tensor:
    """The same product through the dequantized weight, whose gradient is all there."""
    weight = ((layer.scales + delta)[..., None] * layer.integers()).flatten(1)
    return functional.linear(X, weight.to(X.dtype), layer.bias)


@pytest.mark.parametrize("settings", ALL)
@pytest.mark.parametrize("bias", [True, False])
def test_gradients_are_those_of_autograd(settings: PEQASettings, bias: bool) -> None:
    layer = made(settings, bias=bias)
    X, same = inputs().requires_grad_(), inputs().requires_grad_()
    delta = layer.delta.detach().clone().requires_grad_()
    ours, expected = layer(X), by_autograd(layer, same, delta)
    upstream = torch.randn(ours.shape, generator=torch.Generator().manual_seed(2))
    ours.backward(upstream)
    expected.backward(upstream)

    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(X.grad, same.grad)
    torch.testing.assert_close(layer.delta.grad, delta.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("settings", ALL)
def test_gradients_stand_a_check_by_differences(settings: PEQASettings) -> None:
    layer = made(settings)
    upstream = torch.randn(3, 7, 20, generator=torch.Generator().manual_seed(2)).double()

    def loss(delta: Tensor) -> float:
        weight = ((layer.scales + delta).double()[..., None] * layer.integers().double()).flatten(1)
        return (functional.linear(inputs().double(), weight) * upstream).sum().item()

    layer(inputs()).backward(upstream.float())
    assert layer.delta.grad is not None
    for place in ((0, 0), (19, layer.delta.shape[1] - 1)):
        step = torch.zeros_like(layer.delta, dtype=torch.float64)
        step[place] = 1e-3
        slope = (loss(layer.delta + step) - loss(layer.delta - step)) / 2e-3
        assert layer.delta.grad[place].item() == pytest.approx(slope, rel=1e-4)


@pytest.mark.parametrize("settings", [PEQASettings(4), PEQASettings(4, 16)])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_narrow_activations_have_float32_gradients_of_scales(
    settings: PEQASettings, dtype: torch.dtype
) -> None:
    layer = made(settings, bias=False)
    delta = layer.delta.detach().clone().requires_grad_()
    Y = layer(inputs(dtype))
    Y.float().square().sum().backward()
    by_autograd(layer, inputs(), delta).square().sum().backward()

    assert Y.dtype == dtype
    assert layer.delta.grad is not None
    assert layer.delta.grad.dtype == torch.float32
    assert delta.grad is not None
    error = (layer.delta.grad - delta.grad).norm() / delta.grad.norm()
    assert error < 0.02


def test_large_activations_stay_in_the_range_of_float16() -> None:
    layer = made(PEQASettings(4), bias=False, changed=False)
    X = torch.full((1, 48), 3000.0, dtype=torch.float16)

    assert torch.isfinite(layer(X)).all()


@pytest.mark.parametrize("settings", [PEQASettings(4), PEQASettings(4, 16)])
def test_nothing_of_the_size_of_the_weights_is_kept_or_given_back(settings: PEQASettings) -> None:
    layer, sizes = made(settings, bias=False), []

    def keep(one: Tensor) -> Tensor:
        sizes.append(one.numel())
        return one

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        Y = layer(inputs())
    Y.sum().backward()

    assert 20 * 48 not in sizes
    assert [name for name, one in layer.named_parameters() if one.grad is not None] == ["delta"]


def test_frozen_scales_keep_nothing_but_pass_gradients_on() -> None:
    layer = made(PEQASettings(4)).requires_grad_(False)
    X = inputs().requires_grad_()
    layer(X).sum().backward()

    assert X.grad is not None
    assert layer.delta.grad is None


@pytest.mark.parametrize("settings", ALL)
def test_merging_changes_no_bit_of_the_weights(settings: PEQASettings) -> None:
    layer = made(settings)
    before, answer = layer.decoded(torch.float32), layer(inputs())
    codes = layer.codes.clone()

    layer.merge()

    assert torch.equal(layer.decoded(torch.float32), before)
    assert torch.equal(layer(inputs()), answer)
    assert not layer.delta.any()
    assert torch.equal(layer.codes, codes)


def test_a_narrower_model_keeps_its_scales_exact() -> None:
    layer = made(PEQASettings(4))
    before = layer.decoded(torch.float32)
    layer.to(torch.bfloat16)

    assert torch.equal(layer.decoded(torch.float32), before)
    assert isinstance(layer.delta, nn.Parameter)
    assert layer.delta.requires_grad
    assert "bits=4, groups=1" in repr(layer)
