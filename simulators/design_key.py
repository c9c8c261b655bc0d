"""What a simulation's result depends on, as one key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence

from circuits.definition import Circuit
from simulators.netlist.deck import Deck
from simulators.netlist.numparam import ExpressionError

RESULT_FORMAT = 2
"""Version of how decks are run and results read; raise it when equal decks come to other results
or results to another shape. Every key changes with it, so that no older result is found."""

_WITHOUT_EFFECT = {
    "name", "title", "about", "source", "technology", "variables", "device_groups", "spec_sets",
    "design_principles", "files",
}  # fmt: skip
"""Fields of a circuit that leave its results alone, or (files) come in by the decks. Whatever is
not named here counts, a field of tomorrow too."""


class DesignKeys:
    """Keys of one circuit's designs: SHA-256 over all that their results depend on.

    That is every deck as ngspice gets it, in every corner and models included, with its analyses
    and measures; the design's values; the metrics' expressions; the simulator and its version;
    the conditions; our own `RESULT_FORMAT`. Names and descriptions of the circuit, and whose job
    it is, do not count.

    Args:
        circuit: whose designs.
        decks: of its testbenches.
        conditions: what else decides which decks are run (specs, where corners are gated by
            them), in any text that differs when that does.
    """

    def __init__(self, circuit: Circuit, decks: Sequence[Deck], conditions: str = "") -> None:
        self._circuit = circuit
        self._decks = tuple(decks)
        common = [
            RESULT_FORMAT,
            conditions,
            circuit.model_dump(mode="json", exclude=_WITHOUT_EFFECT),
            [_constant(deck) for deck in decks],
        ]
        self._common = hashlib.sha256(json.dumps(common, sort_keys=True).encode())

    def of(self, values: Mapping[str, float], simulator: str) -> str:
        """The key of a design, hexadecimal.

        Args:
            values: of the design, SI units.
            simulator: name and version, such as `ngspice-39`.
        """
        found = self._common.copy()
        sizes = sorted((name, float(value).hex()) for name, value in values.items())
        for text in (simulator, json.dumps(sizes), *self._texts(values)):
            raw = text.encode()
            found.update(b"%d\n" % len(raw))  # where a text ends cannot be forged by the text
            found.update(raw)
        return found.hexdigest()

    def _texts(self, values: Mapping[str, float]) -> Iterator[str]:
        """Every deck of the design in every corner, but for what is the same in all of them."""
        given = {**self._circuit.parameters, **values}
        for corner in self._circuit.corners:
            for deck in self._decks:
                try:
                    yield "\n".join(deck.numbers(given, corner))
                except ExpressionError as error:  # no deck, but a result: the same every time
                    yield f"cannot be rendered: {error}"


def _constant(deck: Deck) -> list[object]:
    """What all designs of a deck share: lines, model cards, what is read, and where cards stand.

    The last because the message of a netlist that ngspice refuses names file and line.
    """
    return [
        deck.name,
        deck.body,
        deck.models,
        deck.analyses,
        [(measure.name, measure.analysis, measure.command) for measure in deck.measures],
        deck.devices,
        deck.unchecked,
        [(card.file, card.line) for card in deck.cards],
    ]
