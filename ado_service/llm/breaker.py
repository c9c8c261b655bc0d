"""Leaves a failing LLM alone for a while, so that a job does not wait for it in every round."""

from __future__ import annotations

from dataclasses import dataclass

_PATIENCE = 3
_LONGEST_PAUSE = 16


@dataclass
class Breaker:
    """Counts rounds in which asking the LLM gave no design, and says when to ask again.

    After three such rounds in a row it skips one, then two, four, ... at most sixteen rounds
    before each further try; one success closes it. It knows rounds, not seconds, so that a
    resumed job skips what the undisturbed one would have skipped.
    """

    failures: int = 0
    ask_again: int = 0

    def allows(self, round_number: int) -> bool:
        """Whether the LLM should be asked in this round."""
        return round_number >= self.ask_again

    def record(self, round_number: int, designs: int) -> None:
        """Take note of a round in which it was asked, and of how many designs came of it."""
        if designs:
            self.failures, self.ask_again = 0, 0
            return
        self.failures += 1
        if self.failures >= _PATIENCE:
            pause = min(2 ** (self.failures - _PATIENCE), _LONGEST_PAUSE)
            self.ask_again = round_number + 1 + pause
