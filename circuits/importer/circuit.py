"""The import of a circuit: all its testbenches' netlists, and what they add to circuit.yaml."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from circuits.definition import Corner
from circuits.errors import CircuitError, Finding
from circuits.importer.corners import corners_of
from circuits.importer.formulas import put_formulas
from circuits.importer.netlist import Netlist, Surroundings
from circuits.importer.pipeline import import_netlist
from circuits.importer.syntax import Syntax, guess_syntax
from circuits.source import Budget, Place, Source


@dataclass(frozen=True, slots=True)
class Imported:
    """What came out of the netlists.

    Attributes:
        files: plain ngspice text by key, lines where they were.
        corners: from `.alter`, `.temp` and sweeps; empty when circuit.yaml decides.
        parameters: what those corners change, SI units.
        formulas: expressions over measures by name.
    """

    files: dict[str, str]
    corners: list[Corner]
    parameters: dict[str, float]
    formulas: dict[str, str]

    def expression(self, metric: str, expression: str) -> str:
        """A metric's expression with the netlists' own formulas written out.

        Args:
            metric: its name, which is its expression when it has none.
            expression: as in circuit.yaml.
        """
        asked = expression or metric
        written = put_formulas(asked, self.formulas)
        return expression if written == asked else written


def import_circuit(
    source: Source, benches: Sequence[tuple[str, Place]], around: Surroundings, *, guess: bool
) -> Imported:
    """Import the netlists of a circuit's testbenches.

    Args:
        source: where files come from.
        benches: netlist of each testbench, and what names it.
        around: what circuit.yaml says.
        guess: whether its `syntax` was left out.

    Raises:
        CircuitError: all that cannot be imported.
    """
    if guess and guess_syntax(_tops(source, benches)) is Syntax.HSPICE:
        around = Surroundings(
            Syntax.HSPICE, around.variables, around.parameters, around.corners, around.cornered
        )
    netlists: list[Netlist] = []
    findings: list[Finding] = []
    budget = Budget()
    for name, place in benches:
        try:
            netlists.append(import_netlist(source, name, place, around, budget))
        except CircuitError as error:
            findings += [found for found in error.findings if found not in findings]
    if findings:
        raise CircuitError(findings)
    files = _merged(netlists)
    try:
        unrolled = corners_of(netlists, around)
    except ValidationError as error:
        raise _impossible_corner(netlists, error) from error
    formulas = {name: text for netlist in netlists for name, text in netlist.formulas.items()}
    return Imported(files, unrolled.corners, unrolled.parameters, formulas)


def _tops(source: Source, benches: Sequence[tuple[str, Place]]) -> Iterator[str]:
    for key in dict.fromkeys(posixpath.normpath(name) for name, _ in benches):
        if not key.startswith(("/", "..")) and source.inside(key) and source.has(key):
            yield source.read(key)


def _merged(netlists: Sequence[Netlist]) -> dict[str, str]:
    """Texts by key; testbenches that share a file must mean the same by it."""
    files: dict[str, str] = {}
    for netlist in netlists:
        for key, sheet in netlist.sheets.items():
            text = sheet.text
            if files.setdefault(key, text) != text:
                problem = f"{key} says one thing here and another in a testbench before"
                cure = "Give this testbench a file of its own (.if and functions depend on it)"
                raise CircuitError([Finding(netlist.top, None, problem, cure)])
    return files


def _impossible_corner(netlists: Sequence[Netlist], error: ValidationError) -> CircuitError:
    """A corner that cannot be: a temperature below absolute zero, a name of 33 letters."""
    asking = next((one for one in netlists if one.runs_from is not None), netlists[0])
    card = asking.runs_from
    detail = error.errors()[0]
    problem = f"a run that cannot be a corner: {detail['msg']} ({detail['loc'][0]})"
    file, line = (asking.top, None) if card is None else card.place
    return CircuitError([Finding(file, line, problem, "Mend the value")])
