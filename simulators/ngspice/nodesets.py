"""Nodesets learned from one nominal operating point.

Without them most sizes need gmin stepping for each analysis' operating point: hundreds of
iterations instead of a dozen. They are a starting point only: what the analyses come to is the
same within their tolerances.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence

from circuits.definition import Circuit
from simulators.netlist.deck import Deck, build_decks
from simulators.netlist.numparam import ExpressionError
from simulators.ngspice.errors import HostDiedError, HostTimeoutError
from simulators.ngspice.host_process import HostProcess
from simulators.ngspice.job import BenchNumbers, BenchTemplate
from simulators.ngspice.nursery_process import NurseryProcess
from simulators.starting import starting_design

_SECONDS = 5.0
"""An operating point that takes longer is not worth having."""
_LEFT_OUT = frozenset({".op", ".ac", ".dc", ".tran", ".meas", ".ic"})
_KEPT = 32
_LEARNED: dict[tuple[str, ...], list[tuple[tuple[str, float], ...]]] = {}
"""Nodesets by the decks that they were learned from, the last `_KEPT` circuits' of this process."""
_log = logging.getLogger(__name__)


def prepared_decks(circuit: Circuit) -> list[Deck]:
    """The circuit's decks with nodesets, learned on a host of their own.

    They are learned once a process: equal decks get equal nodesets.

    Raises:
        CircuitError: the circuit's netlists cannot be used.
        LibraryMissingError: libngspice is not installed.
    """
    decks = build_decks(circuit)
    key = tuple(_nominal(circuit, deck) for deck in decks)
    if key not in _LEARNED:
        nursery = NurseryProcess()
        try:
            found = with_nodesets(circuit, decks, nursery)
        finally:
            nursery.close()
        while len(_LEARNED) >= _KEPT:
            _LEARNED.pop(next(iter(_LEARNED)))
        _LEARNED[key] = [deck.nodesets for deck in found]
    return [
        dataclasses.replace(deck, nodesets=nodesets)
        for deck, nodesets in zip(decks, _LEARNED[key], strict=True)
    ]


def _nominal(circuit: Circuit, deck: Deck) -> str:
    """The deck of the starting design: all that its nodesets depend on."""
    values = {**circuit.parameters, **starting_design(circuit)}
    try:
        return "\n".join(deck.lines(values, circuit.corners[0]))
    except ExpressionError as error:
        return f"{deck.name}: {error}"


def with_nodesets(circuit: Circuit, decks: Sequence[Deck], nursery: NurseryProcess) -> list[Deck]:
    """The decks with the nodesets of the starting design in the first corner.

    A testbench whose operating point is not found stays as it is.

    Args:
        circuit: what the decks are of.
        decks: of its testbenches.
        nursery: where the host comes from.

    Raises:
        LibraryMissingError: libngspice is not installed.
        SimulatorError: this machine cannot simulate.
    """
    host = HostProcess([_template(deck) for deck in decks], nursery)
    try:
        return [_learned(circuit, deck, place, host) for place, deck in enumerate(decks)]
    finally:
        host.close()


def _learned(circuit: Circuit, deck: Deck, place: int, host: HostProcess) -> Deck:
    values = {**circuit.parameters, **starting_design(circuit)}
    try:
        lines = deck.numbers(values, circuit.corners[0])
        lines = [".op", *(one for one in lines if one.split(None, 1)[0].lower() not in _LEFT_OUT)]
        answer = host.run([BenchNumbers(bench=place, lines=lines)], _SECONDS)
    except (ExpressionError, HostTimeoutError, HostDiedError) as error:
        _log.info("no nodesets for the testbench %s: %s", deck.name, error)
        return deck
    nodes = answer["decks"][0]["nodes"]
    return dataclasses.replace(deck, nodesets=tuple(nodes.items()))


def _template(deck: Deck) -> BenchTemplate:
    return BenchTemplate(
        name=deck.name,
        body=[],
        analyses=["op"],
        measures=[],
        devices=[],
        models=deck.models,
        nodes=True,
        unchecked=deck.unchecked,
        fast=False,
    )
