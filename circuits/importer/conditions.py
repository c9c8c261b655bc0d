"""`.if` blocks over constants."""

from __future__ import annotations

from circuits.errors import CircuitError
from circuits.importer.arithmetic import ArithmeticTextError
from circuits.importer.netlist import Netlist
from circuits.importer.sheet import Card

_DEPTH = 20
_CURE = "Use names of .param cards with plain numbers, or keep the branch that you mean"


class Conditions:
    """Which cards of one file stand in a branch that is taken.

    Args:
        netlist: gives values to the names, as far as they are defined yet.
    """

    def __init__(self, netlist: Netlist) -> None:
        self._netlist = netlist
        self._open: list[tuple[Card, bool, bool]] = []
        """The `.if` card, whether this branch is taken, whether any branch was."""

    @property
    def active(self) -> bool:
        """Whether the next card counts."""
        return all(taken for _, taken, _ in self._open)

    def is_condition(self, card: Card) -> bool:
        """Note a card that opens, changes or closes a block; False for any other."""
        keyword = card.keyword.split("(")[0]
        if keyword not in {".if", ".elseif", ".else", ".endif"}:
            return False
        if keyword == ".if":
            active = self.active
            taken = active and self._holds(card)
            self._open.append((card, taken, taken or not active))
            if len(self._open) > _DEPTH:
                raise CircuitError([card.finding(f".if over {_DEPTH} deep", "Flatten it")])
        elif not self._open:
            self._netlist.refuse(card, f"{keyword} without an .if", "Remove it")
        elif keyword == ".endif":
            self._open.pop()
        else:
            opened, _, before = self._open.pop()
            taken = not before and (keyword == ".else" or self._holds(card))
            self._open.append((opened, taken, before or taken))
        card.strip()
        return True

    def close(self) -> None:
        """The file ends."""
        for card, _, _ in self._open:
            self._netlist.refuse(card, ".if without its .endif", "Close it with .endif")

    def _holds(self, card: Card) -> bool:
        condition = card.text[len(card.keyword.split("(")[0]) :].strip()
        try:
            return bool(self._netlist.constant(card, condition))
        except ArithmeticTextError as error:
            self._netlist.refuse(card, f"a condition that is not constant: {error}", _CURE)
            return False
