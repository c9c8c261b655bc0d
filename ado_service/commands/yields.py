"""`ado yield`: how many copies of a finished design would meet every spec."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from ado_service.commands.console import (
    Database,
    Json,
    err,
    fail,
    log_to_stderr,
    open_store,
    print_json,
    settings_with,
    told_plainly,
)
from ado_service.commands.finished_design import FinishedDesign, finished_design
from ado_service.commands.netlists import make_folder
from ado_service.commands.yield_report import MonteCarlo, print_report, report, write_samples
from ado_service.jobs.simulator import open_simulator
from ado_service.settings import Settings
from ado_service.store.store import Store
from simulators.check import check_circuit
from simulators.yield_estimate import has_mismatch, mismatch_samples


def yield_of_design(
    circuit: Annotated[
        str, typer.Argument(help="A library circuit, a folder, or a circuit on record.")
    ],
    job: Annotated[
        str | None, typer.Option(help="Its best design. [newest job of the circuit]")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE, such as w1=12u, of --job's or the netlist's."),
    ] = None,
    samples: Annotated[int, typer.Option(min=2, max=100_000, help="Copies to simulate.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Reproduces the run.")] = 1,
    spec_set: Annotated[str | None, typer.Option(help="Spec set to judge by.")] = None,
    corner: Annotated[
        str | None, typer.Option(help="Only in this corner. [worst of all corners]")
    ] = None,
    time_limit: Annotated[float, typer.Option(help="Seconds a simulation may take.")] = 30.0,
    processes: Annotated[int | None, typer.Option(help="Simulator hosts. [cores + 1]")] = None,
    output: Annotated[
        Path | None, typer.Option("--out", help="Folder for samples.csv and yield.json.")
    ] = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Estimate a design's yield: Monte Carlo over the mismatch of its devices.

    Every copy is simulated in all corners and judged as any design is; one whose simulation fails
    counts as a miss.
    """
    log_to_stderr()
    with told_plainly():
        settings = settings_with(database, processes=processes)
        if output is not None:
            make_folder(output)
        with open_store(settings) as store:
            design = finished_design(
                store, circuit, job_id=job, assignments=assignments or [], spec_set=spec_set
            )
            if corner is not None:
                design = _in_corner(design, corner)
            _check_mismatch(design)
            run = _run(store, settings, design, samples, seed, time_limit, quiet=as_json)
    found = report(run)
    written = [] if output is None else write_samples(run, found, output)
    if as_json:
        print_json(found)
    else:
        print_report(run, written)


def _in_corner(design: FinishedDesign, name: str) -> FinishedDesign:
    """The design with one corner alone, and the specs that hold there."""
    circuit = design.circuit
    if name not in circuit.corner_names:
        fail(f"--corner {name}: {circuit.name} has {', '.join(circuit.corner_names)}")
    specs = tuple(
        spec.model_copy(update={"corners": ()}) for spec in design.specs if spec.holds_in(name)
    )
    if not specs:
        fail(f"--corner {name}: no spec has to hold there; choose another corner")
    only = tuple(one for one in circuit.corners if one.name == name)
    return replace(design, circuit=circuit.model_copy(update={"corners": only}), specs=specs)


def _check_mismatch(design: FinishedDesign) -> None:
    if not has_mismatch(design.circuit, check_circuit(design.circuit), design.values):
        fail(
            f"{design.circuit.name}: its models have no mismatch statistics, so that every copy "
            "would be alike; add a `mismatch:` section to circuit.yaml (docs/circuits.md, "
            '"Corners and yield"), or use a PDK that has them'
        )


def _run(
    store: Store,
    settings: Settings,
    design: FinishedDesign,
    samples: int,
    seed: int,
    time_limit: float,
    *,
    quiet: bool,
) -> MonteCarlo:
    """Simulate the design as it is, then its copies."""
    copies = mismatch_samples(design.values, samples, seed)
    designs = [design.values, *copies]
    with open_simulator(design.circuit, settings, store, time_limit=time_limit) as simulator:
        stream = track(
            simulator.stream(designs), "samples", len(designs), console=err, disable=quiet
        )
        found = dict(stream)
    nominal, *results = (found[index] for index in range(len(designs)))
    return MonteCarlo(design, seed, copies, nominal, results)
