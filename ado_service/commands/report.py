"""What `ado run` says in the end: best design, credit, front, and the files that it writes."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from ado_service.commands.console import FAILED, fail, out, print_json
from ado_service.commands.netlists import folder_written, write_netlists
from ado_service.commands.tables import size_table, spec_table
from ado_service.credit import Credit
from ado_service.jobs.asked import job_specs
from ado_service.jobs.summary import JobSummary, ParetoSummary, summarise
from ado_service.store.job_record import JobRecord, JobState
from ado_service.store.store import Store
from ado_service.wording import counted
from circuits.definition import Circuit
from circuits.objective import Objective


def report(store: Store, job_id: str, output: Path | None, *, as_json: bool) -> None:
    """Print what a job came to and write its files; ends the command where the job failed.

    Args:
        store: the design database.
        job_id: the job.
        output: folder for netlists, plot and result; None for none.
        as_json: whether to print the summary as one JSON object.
    """
    summary = summarise(store, job_id)
    job = store.jobs.get(job_id)
    circuit = store.circuits.get(job.circuit_hash).definition
    # First said, then written: what a job came to must not be lost to a full disk.
    if as_json:
        print_json(summary.model_dump(mode="json"))
    else:
        _print(circuit, job, summary)
    if output is not None:
        for path in _write(store, circuit, job, summary, output):
            if not as_json:
                out.print(f"wrote {path}", soft_wrap=True)
    if summary.state is JobState.FAILED:
        fail(summary.message, FAILED)


def _print(circuit: Circuit, job: JobRecord, summary: JobSummary) -> None:
    best = summary.best
    if best is not None:
        out.print(size_table(circuit, best.variables))
        out.print(spec_table(circuit, job_specs(circuit, job.config), best.metrics))
    reached = summary.simulations_to_all_specs
    first = (
        "no design met all specs" if reached is None else f"all specs met at simulation {reached}"
    )
    out.print(
        f"{summary.job_id}: {summary.state.value} after "
        f"{counted(summary.simulations, 'simulation')}, "
        f"{first}; {summary.seconds.total:.1f} s (simulating {summary.seconds.simulate:.1f} s)"
    )
    if summary.credit.best_by is not None:
        out.print(credit_line(summary.credit))
    if summary.pareto is not None:
        _print_front(job.config.objective, summary.pareto)


def credit_line(credit: Credit) -> str:
    """Who found the best design, who got ahead, and of whom not everything was taken."""
    ahead = [f"{one.proposer} {one.improved} of {one.simulated}" for one in credit.proposers]
    taken = [
        f"{one.proposer} {one.accepted} of {one.proposed}"
        for one in credit.proposers
        if one.rejected
    ]
    said = f"best design by {credit.best_by}; better than all rounds before: {', '.join(ahead)}"
    return f"{said}; proposals taken: {', '.join(taken)}" if taken else said


def _print_front(objective: Objective, front: ParetoSummary) -> None:
    table = Table("design", *(str(aim) for aim in objective.aims), "FOM")
    for point in front.designs:
        values = [point.metrics.get(aim.metric) for aim in objective.aims]
        shown = ["" if value is None else f"{value:.4g}" for value in values]
        table.add_row(str(point.design_id), *shown, "" if point.fom is None else f"{point.fom:.3f}")
    out.print(f"Pareto front: {counted(front.size, 'design')}")
    out.print(table)


def _write(
    store: Store, circuit: Circuit, job: JobRecord, summary: JobSummary, folder: Path
) -> list[Path]:
    """Netlists of the best design, the convergence plot, and the summary as JSON."""
    from ado_service.convergence import plot_convergence  # matplotlib is slow to import

    if summary.best is None:
        return []
    kept = (
        f"the result is kept in the database: make room, or name another folder, and write it "
        f"with: ado run --resume {job.id} --out FOLDER"
    )
    written = write_netlists(circuit, summary.best.variables, folder, cure=kept)
    result = folder / "result.json"
    plot = folder / "convergence.png"
    with folder_written(folder, kept):
        result.write_text(summary.model_dump_json(indent=2) + "\n", encoding="utf-8")
        plot_convergence(store.designs.of_job(job.id, corners=False), circuit.title, plot)
    return [*written, result, plot]
