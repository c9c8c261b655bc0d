"""Checks a circuit before anyone waits for it: references, netlists, and one simulation."""

from __future__ import annotations

import re

from circuits.definition import Circuit
from circuits.errors import CircuitError, Finding
from simulators.netlist.deck import Deck, build_decks
from simulators.netlist.geometry import outside_of_models
from simulators.netlist.numparam import ExpressionError
from simulators.protocol import Simulator
from simulators.result import FailureKind, SimulationResult
from simulators.starting import starting_design

_YAML = "circuit.yaml"
_PLACE = re.compile(r"\w+: (\S+):(\d+): ")


def check_circuit(circuit: Circuit) -> list[Deck]:
    """The circuit's decks, after every reference in it was followed.

    Raises:
        CircuitError: all that is wrong.
    """
    decks = build_decks(circuit)
    findings = [*_metrics(circuit, decks), *_unused(circuit, decks), *_groups(circuit, decks)]
    findings += _mismatch(circuit, decks)
    findings += outside_of_models(circuit, decks, starting_design(circuit))
    if findings:
        raise CircuitError(findings)
    _render(circuit, decks)
    return decks


def _render(circuit: Circuit, decks: list[Deck]) -> None:
    """The starting design in every corner: what has no value there is found without ngspice.

    Raises:
        CircuitError: an expression without a value, or a size that no device can have.
    """
    values = {**circuit.parameters, **starting_design(circuit)}
    findings = []
    for deck, bench in zip(decks, circuit.testbenches, strict=True):
        for corner in circuit.corners:
            try:
                deck.numbers(values, corner)
            except ExpressionError as error:
                problem = f"at the starting design: {error}"
                finding = Finding(bench.netlist, None, problem, "Mend the expression or the range")
                findings += [finding] if finding not in findings else []
    if findings:
        raise CircuitError(findings)


def try_circuit(circuit: Circuit, simulator: Simulator) -> SimulationResult:
    """Simulate the starting design.

    Raises:
        CircuitError: ngspice cannot make sense of the netlists; the message has file and line
            where ngspice names them.
    """
    result = simulator.run([starting_design(circuit)])[0]
    if result.failure is FailureKind.BAD_NETLIST:
        match = _PLACE.match(result.message)
        file, line = (
            (match[1], int(match[2])) if match else (_netlist(circuit, result.message), None)
        )
        said = result.message[match.end() :] if match else result.message
        cure = "Mend the card; plain ngspice says the same of the file"
        raise CircuitError([Finding(file, line, f"ngspice says: {said.rstrip('.')}", cure)])
    return result


def _netlist(circuit: Circuit, message: str) -> str:
    """The netlist of the testbench that a message starts with, else the first one."""
    benches = [one for one in circuit.testbenches if message.startswith(f"{one.name}:")]
    return (benches or list(circuit.testbenches))[0].netlist


def _metrics(circuit: Circuit, decks: list[Deck]) -> list[Finding]:
    measures = [measure.name for deck in decks for measure in deck.measures]
    known = {*measures, *circuit.parameters, *circuit.variable_names}
    return [
        Finding(
            _YAML,
            None,
            f"metric {metric.name}: no measure or parameter {name!r}",
            f"Measures are {', '.join(measures) or 'none'}",
        )
        for metric in circuit.metrics
        for name in sorted(metric.formula.names - known)
    ]


def _unused(circuit: Circuit, decks: list[Deck]) -> list[Finding]:
    """Variables that change nothing. An instance may have the name of one without using it."""
    texts = [" ".join(card.words[1:]) for deck in decks for card in deck.cards]
    texts += [text for deck in decks for text in deck.defaults.values()]
    words = set(re.findall(r"[a-z_]\w*", "\n".join(texts).lower()))
    return [
        Finding(_YAML, None, f"variable {name!r} is in no netlist", f"Use {{{name}}} or remove it")
        for name in circuit.variable_names
        if name not in words
    ]


def _mismatch(circuit: Circuit, decks: list[Deck]) -> list[Finding]:
    """Models with mismatch that no MOS device has."""
    cards = [card for deck in decks for card in deck.cards if card.keyword.startswith("m")]
    words = {word.lower() for card in cards for word in card.words[1:]}
    return [
        Finding(_YAML, None, f"mismatch: no MOS device has the model {name!r}", "Mend the name")
        for name in circuit.mismatch
        if name not in words
    ]


def _groups(circuit: Circuit, decks: list[Deck]) -> list[Finding]:
    named = {card.keyword for deck in decks for card in deck.cards}
    return [
        Finding(_YAML, None, f"device group {group.name}: no device {device!r}", "Mend the name")
        for group in circuit.device_groups
        for device in group.devices
        if device.lower() not in named
    ]
