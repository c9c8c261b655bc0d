"""Cross entropy in chunks."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from ado_service.local_llm.side import head_loss
from ado_service.local_llm.side.head_loss import next_token_loss

VOCABULARY, WIDTH = 50, 8


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_loss_and_gradient_are_those_of_whole_logits(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head_loss, "_CHUNK_LOGITS", chunk * VOCABULARY)
    torch.manual_seed(0)
    head = nn.Linear(WIDTH, VOCABULARY).requires_grad_(False)
    hidden = torch.randn(2, 6, WIDTH, requires_grad=True)
    labels = torch.randint(VOCABULARY, (2, 6))
    labels[1, :4] = head_loss.IGNORED

    loss = next_token_loss(hidden, labels, head, VOCABULARY)
    (3 * loss).backward()

    whole = hidden.detach().requires_grad_()
    logits = head(whole)[:, :-1].flatten(0, 1)
    expected = functional.cross_entropy(logits, labels[:, 1:].flatten())
    (3 * expected).backward()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(hidden.grad, whole.grad)


def test_no_label_that_counts_gives_zero_and_no_gradient() -> None:
    head = nn.Linear(WIDTH, VOCABULARY).requires_grad_(False)
    hidden = torch.randn(1, 4, WIDTH, requires_grad=True)

    loss = next_token_loss(hidden, torch.full((1, 4), head_loss.IGNORED), head, VOCABULARY)
    loss.backward()

    assert loss.item() == 0
    assert hidden.grad is not None
    assert not hidden.grad.any()


@torch.no_grad()
def test_evaluation_needs_no_gradient() -> None:
    head = nn.Linear(WIDTH, VOCABULARY)
    hidden, labels = torch.randn(1, 4, WIDTH), torch.zeros(1, 4, dtype=torch.long)

    assert not next_token_loss(hidden, labels, head, VOCABULARY).requires_grad
