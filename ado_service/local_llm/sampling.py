"""Which token comes next: temperature, top-p, and draws of one's own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float64]
"""One per token of the vocabulary, shape `V`; minus infinity for a token that must not come."""


class Sampler:
    """Draws the tokens of one answer.

    The draws come from (seed, index) alone, one a token, so that an answer does not depend on what
    else is in its batch. The draw is by the inverse of the cumulative distribution in the order of
    the vocabulary: two logits that differ by rounding never change places in it, so the rounding
    of another batch size changes a token only where the draw falls on a border.

    Args:
        temperature: 0 takes the likeliest token, of equal ones the first.
        top_p: share of the probability that is drawn from, the likeliest tokens first.
        seed: of the request; None for draws that nobody can repeat.
        index: of the answer among those of its request.
    """

    def __init__(self, temperature: float, top_p: float, seed: int | None, index: int) -> None:
        self._temperature = temperature
        self._top_p = top_p
        # A seed may be negative, which numpy's generators do not take.
        entropy = None if seed is None else (seed % 2**64, index)
        self._random = np.random.default_rng(entropy)

    def draw(self, logits: Logits) -> int:
        """The next token.

        Args:
            logits: shape `V`, none NaN or plus infinity, and at least one finite.
        """
        if self._temperature == 0:
            return int(logits.argmax())
        # The largest first, so that a temperature near 0 overflows to minus infinity only.
        with np.errstate(over="ignore"):
            weights = np.exp((logits - logits.max()) / self._temperature)
        if self._top_p < 1:
            weights = _nucleus(weights, self._top_p)
        return _drawn(weights, self._random.random())


def _nucleus(weights: Logits, share: float) -> Logits:
    """`weights` without the least likely tokens that are not needed for `share` of the sum."""
    order = np.argsort(-weights, kind="stable")
    before = np.cumsum(weights[order]) - weights[order]
    kept = order[before < share * weights.sum()]
    nucleus = np.zeros_like(weights)
    nucleus[kept] = weights[kept]
    return nucleus


def _drawn(weights: Logits, uniform: float) -> int:
    """The token at `uniform`, in [0, 1), of the cumulative weights."""
    cumulative = np.cumsum(weights)
    token = int(np.searchsorted(cumulative, uniform * cumulative[-1], side="right"))
    # Rounding may put the draw behind the last token that has any weight.
    return min(token, int(np.flatnonzero(weights)[-1]))
