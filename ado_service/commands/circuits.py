"""`ado circuits`, `ado check`, `ado evaluate`: look at circuits and measure one design."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ado_service.commands.assignments import assigned
from ado_service.commands.console import (
    FAILED,
    Cache,
    Database,
    Json,
    err,
    fail,
    log_to_stderr,
    open_results,
    out,
    print_json,
    settings_with,
    told_plainly,
)
from ado_service.commands.netlists import write_netlists
from ado_service.commands.tables import device_table, size_table, spec_table
from ado_service.jobs.simulator import open_simulator
from circuits.definition import Circuit
from circuits.fom import Verdict
from circuits.loader import library_names, load_circuit
from circuits.spec import Spec
from simulators.check import check_circuit, try_circuit
from simulators.corners import verdict, worst_corner
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.result import FailureKind, SimulationResult
from simulators.starting import starting_design


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
                "message": result.message,
            }
        )
        return
    out.print(f"[green]✓[/] {circuit.name}: {circuit.title}")
    out.print(
        f"  {len(circuit.variables)} variables, {len(decks)} testbenches; its own sizes give:"
    )
    out.print(spec_table(circuit, circuit.specs(), worst_corner(result, circuit.specs())))
    _note(result)


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
    cache: Cache = True,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Measure one design: metrics, specs, FOM and operating regions."""
    log_to_stderr()
    with told_plainly():
        settings = settings_with(database, cache=None if cache else False)
        found = load_circuit(circuit)
        check_circuit(found)
        specs = _specs(found, spec_set)
        values = assigned(found, starting_design(found), assignments or [])
        with (
            open_results(settings) as store,
            open_simulator(found, settings, store, time_limit=time_limit, processes=1) as simulator,
        ):
            result = simulator.run([values])[0]
        if netlist is not None:
            write_netlists(found, values, netlist)
    metrics = worst_corner(result, specs)
    judged = verdict(result, specs)
    if as_json:
        print_json(_evaluation(found, values, result, metrics, judged))
    else:
        out.print(size_table(found, values))
        out.print(
            device_table(result.corners[found.corners[0].name].devices if result.corners else {})
        )
        out.print(spec_table(found, specs, metrics))
        out.print(f"FOM {judged.fom:.4g}, {judged.specs_met} of {judged.specs_total} specs met")
        _note(result)
    if result.failure not in {None, FailureKind.MEASURE_FAILED}:
        fail(f"{result.failure}: {result.message}", FAILED)


def _note(result: SimulationResult) -> None:
    """Why something was not measured, for people."""
    if result.failure is FailureKind.MEASURE_FAILED:
        err.print(f"note: {result.message}", style="yellow", markup=False, soft_wrap=True)


def _specs(circuit: Circuit, spec_set: str | None) -> tuple[Spec, ...]:
    try:
        return circuit.specs(spec_set)
    except KeyError as error:
        fail(str(error.args[0]))


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
        "cached": result.cached,
        "simulator": result.simulator,
    }
