"""The gradient of the gates, against the exact one by enumeration."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from ado_service.local_llm.disp.reinmax import reinmax

BITS, SAMPLES = 6, 400_000


def quadratic(gates: Tensor) -> Tensor:
    """`... x BITS` to `...`, convex and with couplings between all gates."""
    generator = torch.Generator().manual_seed(1)
    root = torch.randn(BITS, BITS, generator=generator, dtype=torch.float64)
    centre = torch.tensor([0.45, 0.3, 0.8, -0.2, 0.5, 1.1], dtype=torch.float64)
    away = gates - centre
    return ((away @ (root @ root.T)) * away).sum(-1)


def logits() -> Tensor:
    start = [-1.0, 0.3, 2.0, -0.4, 1.2, 0.0]
    return torch.tensor(start, dtype=torch.float64, requires_grad=True)


def exact() -> Tensor:
    """Gradient of E[f(b)], by all 2^BITS values of b."""
    point = logits()
    every = torch.tensor(list(product([0.0, 1.0], repeat=BITS)), dtype=torch.float64)
    chance = torch.sigmoid(point)
    weights = torch.where(every == 1, chance, 1 - chance).prod(-1)
    (slope,) = torch.autograd.grad((weights * quadratic(every)).sum(), point)
    return slope


def drawn() -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.rand(SAMPLES, BITS, generator=generator, dtype=torch.float64)


def relative_error(slope: Tensor) -> float:
    return float((slope - exact()).norm() / exact().norm())


def test_the_gradient_is_within_a_percent_of_the_exact_one() -> None:
    point = logits()
    gates = reinmax(point.expand(SAMPLES, BITS), drawn())
    (slope,) = torch.autograd.grad(quadratic(gates).mean(), point)
    assert relative_error(slope) < 0.01


def test_plain_straight_through_is_not() -> None:
    """What shows that the quadratic can tell one from the other."""
    point = logits()
    chance = torch.sigmoid(point).expand(SAMPLES, BITS)
    gates = (drawn() < chance).double() + chance - chance.detach()
    (slope,) = torch.autograd.grad(quadratic(gates).mean(), point)
    assert relative_error(slope) > 0.1


def test_gates_are_zeros_and_ones_as_often_as_their_logits_say() -> None:
    point = logits()
    gates = reinmax(point.expand(SAMPLES, BITS), drawn())
    assert set(gates.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(gates.mean(0), torch.sigmoid(point), atol=5e-3, rtol=0)


def test_it_is_the_algorithm_of_the_paper_for_two_categories() -> None:
    """Algorithm 2 of the paper, written down with softmaxes over the logits (l, 0)."""
    point, uniform = logits(), drawn()[:64]
    upstream = torch.randn(64, BITS, generator=torch.Generator().manual_seed(3)).double()
    gates = reinmax(point.expand(64, BITS), uniform)
    (ours,) = torch.autograd.grad((gates * upstream).sum(), point)

    two = torch.stack([point, torch.zeros_like(point)], -1).expand(64, BITS, 2)
    sampled = torch.stack([gates, 1 - gates], -1).detach()
    first = torch.softmax(two, -1)
    middle = (sampled + torch.softmax(two, -1)) / 2
    second = torch.softmax((middle.log() - two).detach() + two, -1)
    soft = 2 * second - first / 2
    (theirs,) = torch.autograd.grad((soft[..., 0] * upstream).sum(), point)
    torch.testing.assert_close(ours, theirs)
