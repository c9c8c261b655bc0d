"""The runs that netlists ask for, as a circuit's corners."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from circuits.definition import Corner
from circuits.errors import CircuitError, Finding
from circuits.importer.arithmetic import ArithmeticTextError
from circuits.importer.netlist import Netlist, Run, Surroundings

_TEMPERATURE = 25.0
_NAME = 60


@dataclass(slots=True)
class Unrolled:
    """What the netlists' runs add to a circuit.

    Attributes:
        corners: one a run, the netlist's own run first; empty when circuit.yaml decides.
        parameters: what the corners change, with its value in the netlist, SI units.
    """

    corners: list[Corner] = field(default_factory=list)
    parameters: dict[str, float] = field(default_factory=dict)


def corners_of(netlists: Sequence[Netlist], around: Surroundings) -> Unrolled:
    """The corners that the testbenches ask for: all that unroll to several runs must agree.

    Raises:
        CircuitError: they do not, circuit.yaml lists corners too, or a corner would change what
            cannot differ between corners.
    """
    asking = [netlist for netlist in netlists if _unrolls(netlist)]
    findings = [*_disagreements(asking, around), *_fixed(netlists, asking, around)]
    if findings:
        raise CircuitError(findings)
    if asking:
        return Unrolled(_named(asking[0].runs), _parameters(netlists, asking[0], around))
    return _one_temperature(netlists)


def _unrolls(netlist: Netlist) -> bool:
    return len(netlist.runs) > 1 or any(run.parameters or run.process for run in netlist.runs)


def _one_temperature(netlists: Sequence[Netlist]) -> Unrolled:
    """The `.temp` card that the testbenches have in common, if any."""
    found = {run.temperature for netlist in netlists for run in netlist.runs}
    temperatures = [one for one in found if one is not None]
    if len(temperatures) != 1:
        return Unrolled()
    return Unrolled([Corner(temperature=temperatures[0])])


def _disagreements(asking: Sequence[Netlist], around: Surroundings) -> Iterator[Finding]:
    for netlist in asking:
        card = netlist.runs_from
        if card is None:
            continue
        if around.corners:
            problem = f"this asks for {len(netlist.runs)} runs, and circuit.yaml lists corners"
            yield card.finding(problem, "Keep one of them: remove `corners` or this card")
        elif netlist.runs != asking[0].runs:
            problem = f"other runs than {asking[0].top} asks for"
            yield card.finding(problem, "Give all testbenches the same .alter, .temp and sweep")


def _fixed(
    netlists: Sequence[Netlist], asking: Sequence[Netlist], around: Surroundings
) -> Iterator[Finding]:
    """What a corner changes although it is sized, or was needed to read a netlist."""
    changed = {name for netlist in asking for run in netlist.runs for name, _ in run.parameters}
    for netlist in asking:
        for name in sorted(changed & around.variables):
            if netlist.runs_from is not None:
                problem = f"this changes the variable {name!r}, which is sized"
                yield netlist.runs_from.finding(problem, "Let it change other parameters")
    for netlist in netlists:
        for name in sorted((changed | around.cornered) & set(netlist.frozen)):
            problem = f"this depends on {name!r}, which differs from corner to corner"
            yield netlist.frozen[name].finding(problem, "Give a number that holds in all corners")


def _parameters(
    netlists: Sequence[Netlist], asking: Netlist, around: Surroundings
) -> dict[str, float]:
    """Value outside of the corners of each parameter that they change."""
    found: dict[str, float] = {}
    findings: list[Finding] = []
    for name in dict.fromkeys(name for run in asking.runs for name, _ in run.parameters):
        if name in around.parameters:
            continue
        try:
            found[name] = asking.constants.value(name)
        except ArithmeticTextError as error:
            findings.append(_at(asking, f"this changes {name!r}: {error}", "Give it a .param"))
            continue
        findings += [
            _at(other, f"{name!r} is {other.constants.value(name):g} here, a corner changes it "
                f"from {found[name]:g} in {asking.top}", "Give it the same value in both")
            for other in netlists
            if _differs(other, name, found[name])
        ]  # fmt: skip
    if findings:
        raise CircuitError(findings)
    return found


def _differs(netlist: Netlist, name: str, value: float) -> bool:
    try:
        return netlist.constants.value(name) != value
    except ArithmeticTextError:
        return False


def _at(netlist: Netlist, problem: str, cure: str) -> Finding:
    card = netlist.runs_from
    if card is not None:
        return card.finding(problem, cure)
    return Finding(netlist.top, None, problem, cure)


def _named(runs: Sequence[Run]) -> list[Corner]:
    corners: list[Corner] = []
    for place, run in enumerate(runs):
        words = "_".join(run.label) if run.label or place else "nominal"
        name = re.sub(r"[^a-z0-9]+", "_", words.lower().replace("-", "m")).strip("_")[:_NAME]
        name = name if name[:1].isalpha() else f"c_{name}".strip("_")
        taken = {corner.name for corner in corners}
        if name in taken:
            name = next(
                f"{name}_{n}" for n in range(2, len(runs) + 2) if f"{name}_{n}" not in taken
            )
        temperature = _TEMPERATURE if run.temperature is None else run.temperature
        corners.append(
            Corner(
                name=name,
                temperature=temperature,
                parameters=dict(run.parameters),
                process=run.process,
            )
        )
    return corners
