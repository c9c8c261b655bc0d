"""Sizes next to the right one are nearly right: targets that spread over neighbouring numbers."""

from __future__ import annotations

import math

import torch
from transformers import PreTrainedTokenizerFast

from ado_service.local_llm.pretrain.vocabulary import numbers

_SPREAD = 0.02
"""Standard deviation of a target in decades: 4.7 %."""
_FORM = 0.1
"""Weight of what an answer's form asks for."""
_FIRST, _BEYOND = 1.0, 1000.0


class NearNumbers(torch.nn.Module):
    """Cross entropy that knows that 5.66 is closer to 5.65 than to 9.02.

    The target of a number of three digits is a normal density in its logarithm over all numbers
    with the same SI prefix (soft labels of ordinal classes: Diaz and Marathe, CVPR 2019); that of
    any other token is the token. So a thousand numbers need no thousand examples each. Whole
    numbers of one or two digits, which may count fingers, stay exact.

    Args:
        tokenizer: of the model.
    """

    places: torch.Tensor
    targets: torch.Tensor
    row_of: torch.Tensor
    number: torch.Tensor

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        super().__init__()
        written = sorted((one for one in numbers() if _plain(one)), key=float)
        decades = torch.tensor([math.log10(float(one)) for one in written])
        apart = (decades[:, None] - decades[None, :]) / _SPREAD
        soft = [row for row, one in enumerate(written) if len(one.replace(".", "")) == 3]
        places = torch.tensor(tokenizer.convert_tokens_to_ids(written))
        row_of = torch.full((len(tokenizer),), -1)
        row_of[places[soft]] = torch.arange(len(soft))
        self.register_buffer("places", places)
        self.register_buffer("targets", torch.softmax(-0.5 * apart.square(), dim=1)[soft])
        self.register_buffer("row_of", row_of)
        number = torch.zeros(len(tokenizer), dtype=torch.bool)
        number[torch.tensor(tokenizer.convert_tokens_to_ids(numbers()))] = True
        self.register_buffer("number", number)

    def weights(self, labels: torch.Tensor) -> torch.Tensor:
        """How much each of `b x t` labels counts; 0 for those that are ignored.

        A number and what follows it, which begins with its SI prefix, are the model's choice. All
        else of an answer is there already where it is held to a schema.
        """
        number = (labels >= 0) & self.number[labels.clamp_min(0)]
        chosen = number.clone()
        chosen[:, 1:] |= number[:, :-1]
        return torch.where(chosen, 1.0, _FORM) * (labels >= 0)

    def forward(
        self, logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor
    ) -> torch.Tensor:
        """Weighted mean of the cross entropy in nats a token.

        Args:
            logits: `n x v`.
            labels: `n`, none ignored.
            weights: `n`, see `weights`.
        """
        log_shares = torch.log_softmax(logits.float(), dim=-1)
        rows = self.row_of[labels]
        near = rows >= 0
        exact = log_shares.gather(1, labels[:, None])[:, 0][~near]
        spread = (self.targets[rows[near]] * log_shares[near][:, self.places]).sum(dim=1)
        total = (exact * weights[~near]).sum() + (spread * weights[near]).sum()
        return -total / weights.sum()


def _plain(number: str) -> bool:
    """Whether an answer would write it so: from 1 to 999, no idle zero."""
    if not _FIRST <= float(number) < _BEYOND or (number[0] == "0" and len(number) > 1):
        return False
    return "." not in number or number[-1] != "0"
