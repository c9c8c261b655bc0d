"""`ado run`: size a circuit here and now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from ado_service.commands.console import (
    Cache,
    Database,
    Json,
    fail,
    log_to_stderr,
    open_store,
    settings_with,
    told_plainly,
)
from ado_service.commands.job_here import work_here
from ado_service.commands.netlists import make_folder
from ado_service.commands.report import report
from ado_service.job_config import Demonstrations, Gating, JobConfig, LlmShare, Method, Model, Start
from ado_service.jobs.asked import SubmissionError
from ado_service.jobs.simulator import open_simulator
from ado_service.jobs.submit import default_here, submit
from ado_service.settings import Settings
from ado_service.store.errors import JobEnded, NotFound
from ado_service.store.job_record import JobRecord, JobState, WantedState
from ado_service.store.store import Store
from circuits.definition import Circuit
from circuits.errors import UnknownCircuitError
from circuits.loader import load_circuit
from simulators.check import check_circuit, try_circuit


def run(
    ctx: typer.Context,
    circuit: Annotated[
        str | None, typer.Argument(help="A library circuit or a folder with circuit.yaml.")
    ] = None,
    budget: Annotated[int, typer.Option(help="Simulations at most, initial ones included.")] = 105,
    initial: Annotated[int | None, typer.Option(help="Designs before the first round. [5]")] = None,
    batch: Annotated[int | None, typer.Option(help="Designs a round. [5]")] = None,
    seed: Annotated[int, typer.Option(help="Reproduces the run.")] = 1,
    objective: Annotated[
        str,
        typer.Option(help="specs, fom, or pareto:power,gbw+ (- or + where no spec says it)."),
    ] = "specs",
    warm_start: Annotated[
        list[str] | None,
        typer.Option(help="Start from the designs of this job or circuit; may be repeated."),
    ] = None,
    method: Annotated[Method, typer.Option(help="Who proposes designs.")] = Method.ADO_LLM,
    llm: Annotated[
        str | None, typer.Option(help="LLM profile or model, or none. [default_llm, else local]")
    ] = None,
    model: Annotated[
        Model, typer.Option(help="What the GP models: each metric, or the FOM as in the paper.")
    ] = Model.METRICS,
    llm_share: Annotated[
        LlmShare, typer.Option(help="The LLM's part of a round: by its gains, or one design.")
    ] = LlmShare.ADAPTIVE,
    candidates: Annotated[
        int | None,
        typer.Option(help="Designs the LLM gives for each slot; models choose. [local: 4, else 1]"),
    ] = None,
    replay: Annotated[
        str | None, typer.Option(help="Use this job's recorded LLM replies instead of a model.")
    ] = None,
    demonstrations: Annotated[
        Demonstrations, typer.Option(help="Designs the LLM is shown.")
    ] = Demonstrations.TOP,
    top_k: Annotated[int, typer.Option(help="How many of them.")] = 5,
    start: Annotated[Start, typer.Option(help="Who proposes the initial designs.")] = Start.AUTO,
    spec_set: Annotated[str | None, typer.Option(help="Spec set of the circuit.")] = None,
    stop_when_feasible: Annotated[
        bool | None,
        typer.Option(help="End once all specs are met. [yes with objective specs, else no]"),
    ] = None,
    time_limit: Annotated[float, typer.Option(help="Seconds a simulation may take.")] = 30.0,
    gating: Annotated[
        Gating, typer.Option(help="Other corners only for designs that meet the nominal specs.")
    ] = Gating.SPECS,
    fast: Annotated[
        bool, typer.Option("--fast", help="Alter loaded circuits; the best is verified.")
    ] = False,
    processes: Annotated[int | None, typer.Option(help="Simulator hosts. [cores + 1]")] = None,
    output: Annotated[
        Path | None, typer.Option("--out", help="Folder for netlists, plot and result.")
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(help="Go on with this job instead; of one that is finished, write --out."),
    ] = None,
    cache: Cache = True,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Size a circuit: find variable values that meet every spec.

    Without an LLM the job is pure GP-BO. Ctrl-C pauses the job; `--resume JOB` goes on.
    """
    log_to_stderr()
    with told_plainly():
        settings = settings_with(database, processes=processes, cache=None if cache else False)
        if output is not None:
            make_folder(output)
        if llm is None:
            llm = None if replay else default_here(settings, method)
        asked = {
            "spec_set": spec_set, "objective": objective, "warm_start": warm_start or (),
            "budget": budget, "initial": initial, "batch": batch, "seed": seed, "method": method,
            "llm": None if llm == "none" else llm, "model": model,
            "llm_share": llm_share, "candidates": candidates, "replay": replay,
            "demonstrations": demonstrations, "top_k": top_k, "start": start,
            "stop_when_feasible": stop_when_feasible, "time_limit": time_limit,
            "gating": gating, "fast": fast,
        }  # fmt: skip
        with open_store(settings) as store:
            if resume is None:
                job = _submitted(store, settings, circuit, asked)
            else:
                _refuse_beside_resume(ctx, ["circuit", *asked])
                job = _resumed(store, resume, ended_too=output is not None)
            work_here(store, settings, job, quiet=as_json)
            report(store, job.id, output, as_json=as_json)


def _submitted(
    store: Store, settings: Settings, name: str | None, asked: Mapping[str, object]
) -> JobRecord:
    """Check everything, the netlists by a simulation too, then queue the job."""
    if name is None:
        fail("name a circuit (`ado circuits` lists them), or --resume JOB")
    config = JobConfig.model_validate(
        {field: value for field, value in asked.items() if value is not None}
    )
    circuit = _found(store, name)
    check_circuit(circuit)
    try:
        with open_simulator(
            circuit, settings, store, time_limit=config.time_limit, processes=1
        ) as simulator:
            try_circuit(circuit, simulator)
        job, _ = submit(store, settings, circuit, config)
    except SubmissionError as error:
        fail(str(error))
    return job


def _found(store: Store, name: str) -> Circuit:
    """The library's circuit, that of a folder, or one that was uploaded."""
    try:
        return load_circuit(name)
    except UnknownCircuitError:
        try:
            return store.circuits.find(name).definition
        except NotFound:
            pass
        raise


def _refuse_beside_resume(ctx: typer.Context, names: Sequence[str]) -> None:
    """A job goes on as it was asked for: what would change it is refused, not ignored."""
    given = [
        one.opts[0] if one.param_type_name == "option" else f"the {one.name}"
        for one in ctx.command.params
        if one.name in names and _is_given(ctx, one.name)
    ]
    if given:
        fail(f"--resume goes on with a job as it is; leave out beside it: {', '.join(given)}")


def _is_given(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _resumed(store: Store, job_id: str, *, ended_too: bool) -> JobRecord:
    """The job, wanted to run; as it is where it is finished and that will do."""
    try:
        job = store.jobs.get(job_id)
        if ended_too and job.state is JobState.FINISHED:
            return job
        return store.jobs.set_wanted_state(job_id, WantedState.RUN)
    except (NotFound, JobEnded) as error:
        fail(str(error))
