"""`ado circuits`, `ado check`, `ado evaluate`: look at circuits and measure one design."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ado_service.commands.console import FAILED, Json, fail, out, print_json, told_plainly
from ado_service.commands.netlists import write_netlists
from ado_service.commands.tables import device_table, size_table, spec_table
from circuits.definition import Circuit
from circuits.fom import Verdict, judge
from circuits.loader import library_names, load_circuit
from circuits.spec import Spec
from circuits.units import UnitError, parse_quantity
from simulators.check import check_circuit, starting_design, try_circuit
from simulators.corners import worst_corner
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.result import FailureKind, SimulationResult


def circuits(as_json: Json = False) -> None:
    """List the circuits of the library."""
    found = [load_circuit(name) for name in library_names()]
    if as_json:
        print_json(
            [
                {
                    "name": one.name,
                    "title": one.title,
                    "variables": len(one.variables),
                    "spec_sets": {specs.name: len(specs.specs) for specs in one.spec_sets},
                }
                for one in found
            ]
        )
        return
    table = Table("circuit", "title", "variables", "spec sets")
    for one in found:
        sets = ", ".join(f"{specs.name} ({len(specs.specs)})" for specs in one.spec_sets)
        table.add_row(one.name, one.title, str(len(one.variables)), sets)
    out.print(table)


def check(
    path: Annotated[str, typer.Argument(help="A library circuit or a folder with circuit.yaml.")],
    as_json: Json = False,
) -> None:
    """Check a circuit: definition, netlists, references, and one simulation."""
    with told_plainly():
        circuit = load_circuit(path)
        decks = check_circuit(circuit)
        with NgspiceSimulator(circuit, processes=1) as simulator:
            result = try_circuit(circuit, simulator)
    if result.failure not in {None, FailureKind.MEASURE_FAILED}:
        fail(f"{circuit.name}: its own sizes end in {result.failure}: {result.message}", FAILED)
    if as_json:
        print_json(
            {
                "circuit": circuit.name,
                "content_hash": circuit.content_hash,
                "testbenches": [deck.name for deck in decks],
                "metrics": worst_corner(result, circuit.specs()),
                "failure": result.failure,
            }
        )
        return
    out.print(f"[green]✓[/] {circuit.name}: {circuit.title}")
    out.print(
        f"  {len(circuit.variables)} variables, {len(decks)} testbenches; its own sizes give:"
    )
    out.print(spec_table(circuit, circuit.specs(), worst_corner(result, circuit.specs())))


def evaluate(
    circuit: Annotated[str, typer.Argument(help="A library circuit or a folder.")],
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE, such as w1=12u; others keep the netlist's value."),
    ] = None,
    spec_set: Annotated[str | None, typer.Option(help="Spec set to judge by.")] = None,
    netlist: Annotated[
        Path | None, typer.Option(help="Folder to write the sized netlists to.")
    ] = None,
    time_limit: Annotated[float, typer.Option(help="Longest simulation, seconds.")] = 30.0,
    as_json: Json = False,
) -> None:
    """Measure one design: metrics, specs, FOM and operating regions."""
    with told_plainly():
        found = load_circuit(circuit)
        check_circuit(found)
        specs = _specs(found, spec_set)
        values = _assigned(found, assignments or [])
        with NgspiceSimulator(found, processes=1, time_limit=time_limit) as simulator:
            result = simulator.run([values])[0]
        if netlist is not None:
            write_netlists(found, values, netlist)
    metrics = worst_corner(result, specs)
    verdict = judge(metrics, specs)
    if as_json:
        print_json(_evaluation(found, values, result, metrics, verdict))
    else:
        out.print(size_table(found, values))
        out.print(
            device_table(result.corners[found.corners[0].name].devices if result.corners else {})
        )
        out.print(spec_table(found, specs, metrics))
        out.print(f"FOM {verdict.fom:.4g}, {verdict.specs_met} of {verdict.specs_total} specs met")
    if result.failure not in {None, FailureKind.MEASURE_FAILED}:
        fail(f"{result.failure}: {result.message}", FAILED)


def _specs(circuit: Circuit, spec_set: str | None) -> tuple[Spec, ...]:
    try:
        return circuit.specs(spec_set)
    except KeyError as error:
        fail(str(error.args[0]))


def _assigned(circuit: Circuit, assignments: list[str]) -> dict[str, float]:
    """The starting design with `assignments` in place; a value out of range is an error."""
    values = starting_design(circuit)
    variables = {variable.name: variable for variable in circuit.variables}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or name not in variables:
            fail(f"--set {assignment}: no such variable; write NAME=VALUE with one of "
                 f"{', '.join(variables)}")  # fmt: skip
        variable = variables[name]
        try:
            value = parse_quantity(text, variable.unit)
        except UnitError as error:
            fail(f"--set {assignment}: {error}")
        if not variable.low <= value <= variable.high:
            fail(f"--set {assignment}: out of range, {name} is from {variable.low:g} to "
                 f"{variable.high:g} {variable.unit}")  # fmt: skip
        values[name] = variable.snap(value)
    return values


def _evaluation(
    circuit: Circuit,
    values: dict[str, float],
    result: SimulationResult,
    metrics: dict[str, float | None],
    verdict: Verdict,
) -> dict[str, Any]:
    return {
        "circuit": circuit.name,
        "variables": values,
        "metrics": metrics,
        "fom": verdict.fom,
        "specs_met": verdict.specs_met,
        "specs_total": verdict.specs_total,
        "feasible": verdict.feasible,
        "specs": verdict.met,
        "corners": {name: found.model_dump(mode="json") for name, found in result.corners.items()},
        "failure": result.failure,
        "message": result.message,
        "seconds": result.seconds,
        "simulator": result.simulator,
    }
