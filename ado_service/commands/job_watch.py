"""A job under way, as its user watches it: a bar, and what the job has to say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ado_service.commands.console import err
from ado_service.store.job_record import JobRecord
from ado_service.store.store import Store


class JobWatch:
    """Moves the bar to where the job stands; says once what the job has to say."""

    def __init__(self, store: Store, job: JobRecord, bar: Progress) -> None:
        self._store, self._job_id, self._bar = store, job.id, bar
        self._said: set[str] = set()
        self._task = bar.add_task(job.circuit_name, total=job.config.budget, best="")

    def __call__(self) -> None:
        """Show where the job stands now."""
        job = self._store.jobs.get(self._job_id)
        best = ""
        if job.best is not None:
            met = f"{job.best.specs_met}/{job.best.specs_total}"
            left = job.config.budget - job.simulations
            best = f"best FOM {job.best.fom:.3f}, specs met {met}, {left} left"
        self._bar.update(self._task, completed=job.simulations, best=best)
        if job.message:
            self.say(job.message)

    def say(self, message: str) -> None:
        """Print `message` above the bar, once."""
        self.say_once(message, message)

    def say_once(self, subject: str, message: str) -> None:
        """Print `message` above the bar, unless something was said on its subject before."""
        if subject not in self._said:
            self._said.add(subject)
            self._bar.console.print(message, markup=False, soft_wrap=True)


@contextmanager
def watched(store: Store, job: JobRecord, *, quiet: bool) -> Iterator[JobWatch]:
    """A watch of the job for as long as the block lasts; without a bar where `quiet`."""
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} simulations"),
        TextColumn("{task.fields[best]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, disable=quiet) as bar:
        yield JobWatch(store, job, bar)
