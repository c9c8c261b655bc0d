"""A sized design as netlists that run in plain ngspice, with every measure printed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from circuits.definition import Circuit, Corner
from circuits.units import format_quantity
from simulators.netlist.deck import Deck
from simulators.ngspice.nodesets import prepared_decks
from simulators.pdk.registry import find_pdk


def sized_netlists(
    circuit: Circuit, values: Mapping[str, float], corner: Corner | None = None
) -> dict[str, str]:
    """Netlist text by file name, one a testbench, complete with model cards.

    `ngspice -b FILE` runs the analyses and prints the measures. They are asked for in a
    `.control` section because ngspice in batch mode evaluates the `.meas` cards of the last
    analysis only. Texts of the circuit stand in comments, on one line each.

    Args:
        circuit: the circuit.
        values: variable values, SI units.
        corner: conditions; the circuit's first corner when None.
    """
    corner = corner or circuit.corners[0]
    return {
        f"{circuit.name}.{deck.name}.cir": _netlist(circuit, deck, values, corner)
        for deck in prepared_decks(circuit)
    }


def _netlist(circuit: Circuit, deck: Deck, values: Mapping[str, float], corner: Corner) -> str:
    sizes = [
        f"  {variable.name} = {format_quantity(values[variable.name], variable.unit)}"
        for variable in circuit.variables
    ]
    metrics = [f"  {metric.name} = {metric.formula.text}" for metric in circuit.metrics]
    about = [
        f"{circuit.title}: {deck.name}, corner {corner.name}",
        f"run with: ngspice -b FILE{_start_up(deck)}",
        "sizes:",
        *sizes,
        "metrics, from the measures of all testbenches:",
        *metrics,
    ]
    lines = [
        *(_comment(text) for text in about),
        *_libraries(deck, corner),
        *(_wrap(text) for text in deck.source({**circuit.parameters, **values}, corner)),
        *deck.body,
        *_control(deck, deck.numbers({**circuit.parameters, **values}, corner)),
        ".end",
    ]
    return "\n".join(lines) + "\n"


def _start_up(deck: Deck) -> str:
    """What a PDK asks its users to set before ngspice reads a netlist; we set it ourselves."""
    if not deck.unchecked:
        return ""
    return ", with set ngbehavior=hsa and set ng_nomodcheck in .spiceinit (lines of their own)"


def _libraries(deck: Deck, corner: Corner) -> list[str]:
    """`.lib` cards of an installed PDK, by its path on this machine."""
    if deck.libraries is None:
        return []
    library = find_pdk(deck.libraries.family).library
    return [f'.lib "{library}" {section}' for section in deck.libraries.in_corner(corner)]


def _control(deck: Deck, numbers: Sequence[str]) -> list[str]:
    """The analyses and measures as commands, expressions of parameters in them as numbers."""
    commands = [line[1:] for line in numbers if line.startswith(".meas ")]
    measured = list(zip(deck.measures, commands, strict=True))
    lines = [".control", "set numdgt=12", "run"]
    for analysis in dict.fromkeys(measure.analysis for measure in deck.measures):
        lines.append(f"setplot {analysis}1")
        lines += [command for measure, command in measured if measure.analysis == analysis]
    return [*lines, "quit", ".endc"]


def _comment(text: str) -> str:
    """A comment line whatever is in `text`: a line break in a title must not start a card."""
    printable = "".join(one if one.isprintable() else " " for one in text)
    return f"* {printable}"


def _wrap(text: str, width: int = 100) -> str:
    """A card over several lines: a model card has a thousand characters."""
    if len(text) <= width or re.search(r"['{\"]", text):
        return text
    lines, words = [], text.split()
    line = words[0]
    for word in words[1:]:
        if len(line) + len(word) >= width:
            lines.append(line)
            line = "+"
        line += f" {word}"
    return "\n".join([*lines, line])
