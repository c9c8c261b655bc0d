"""Checks a circuit before anyone waits for it: references, netlists, and one simulation."""

from __future__ import annotations

import re

from circuits.definition import Circuit
from circuits.errors import CircuitError, Finding
from circuits.expression import ExpressionError
from circuits.units import UnitError, parse_quantity
from simulators.netlist.card import read_cards
from simulators.netlist.deck import Deck, build_decks, read_params
from simulators.protocol import Simulator
from simulators.result import FailureKind, SimulationResult

_YAML = "circuit.yaml"


def check_circuit(circuit: Circuit) -> list[Deck]:
    """The circuit's decks, after every reference in it was followed.

    Raises:
        CircuitError: all that is wrong.
    """
    decks = build_decks(circuit)
    findings = [*_metrics(circuit, decks), *_unused(circuit, decks), *_groups(circuit, decks)]
    if findings:
        raise CircuitError(findings)
    return decks


def netlist_values(circuit: Circuit) -> dict[str, float]:
    """The design that the netlists' own `.param` cards describe, as far as they give numbers."""
    found: dict[str, float] = {}
    for bench in circuit.testbenches:
        for name, text in read_params(read_cards(circuit.files, bench.netlist)):
            try:
                found.setdefault(name, parse_quantity(text))
            except UnitError:
                continue  # an expression is no starting value
    return {name: found[name] for name in circuit.variable_names if name in found}


def starting_design(circuit: Circuit) -> dict[str, float]:
    """A full design: the netlists' values where they give one, else the middle of the axis."""
    given = netlist_values(circuit)
    return {
        variable.name: variable.snap(given[variable.name])
        if variable.name in given
        else variable.from_unit(0.5)
        for variable in circuit.variables
    }


def try_circuit(circuit: Circuit, simulator: Simulator) -> SimulationResult:
    """Simulate the starting design.

    Raises:
        CircuitError: ngspice cannot make sense of the netlists.
    """
    result = simulator.run([starting_design(circuit)])[0]
    if result.failure is FailureKind.BAD_NETLIST:
        name = circuit.testbenches[0].netlist
        named = next(
            (one.netlist for one in circuit.testbenches if result.message.startswith(one.name)),
            name,
        )
        cure = "Run the file in plain ngspice to see where"
        raise CircuitError([Finding(named, None, f"ngspice says: {result.message}", cure)])
    return result


def _metrics(circuit: Circuit, decks: list[Deck]) -> list[Finding]:
    measures = [measure.name for deck in decks for measure in deck.measures]
    known = {*measures, *circuit.parameters, *circuit.variable_names}
    findings = [
        Finding(_YAML, None, f"measure {name!r} is there twice", "Rename one of them")
        for name in sorted({name for name in measures if measures.count(name) > 1})
    ]
    for metric in circuit.metrics:
        try:
            missing = sorted(metric.formula.names - known)
        except ExpressionError as error:
            findings.append(Finding(_YAML, None, f"metric {metric.name}: {error}", "Mend it"))
            continue
        findings += [
            Finding(
                _YAML,
                None,
                f"metric {metric.name}: no measure or parameter {name!r}",
                f"Measures are {', '.join(measures) or 'none'}",
            )
            for name in missing
        ]
    return findings


def _unused(circuit: Circuit, decks: list[Deck]) -> list[Finding]:
    text = "\n".join("\n".join([*deck.body, *deck.defaults.values()]) for deck in decks).lower()
    words = set(re.findall(r"[a-z_]\w*", text))
    return [
        Finding(_YAML, None, f"variable {name!r} is in no netlist", "Use it as {name} or remove it")
        for name in circuit.variable_names
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
