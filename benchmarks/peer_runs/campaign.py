"""Which runs are wanted, which are on record, and the rest in a pool of processes."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context

from benchmarks.peer_methods.protocol import Task
from benchmarks.peer_methods.registry import METHODS
from benchmarks.peer_runs.contest import Contest
from benchmarks.peer_runs.fingerprint import fingerprint
from benchmarks.peer_runs.record import Record
from benchmarks.peer_runs.store import Records
from benchmarks.report import commit
from circuits.loader import load_circuit
from simulators.ngspice.simulator import NgspiceSimulator


@dataclass(frozen=True, slots=True)
class Job:
    """One run to do."""

    circuit: str
    method: str
    seed: int
    budget: int
    full: bool


@dataclass(frozen=True, slots=True)
class Campaign:
    """All runs that are wanted: every method on every circuit from every seed."""

    circuits: tuple[str, ...]
    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    budget: int
    full: bool

    def standing(self, records: Records) -> dict[str, dict[str, list[Record]]]:
        """Records of wanted runs that still stand, by circuit and method."""
        return {
            circuit: {
                method: [
                    record
                    for record in self._valid(records, circuit, method)
                    if record.seed in self.seeds
                ]
                for method in self.methods
            }
            for circuit in self.circuits
        }

    def missing(self, records: Records) -> list[Job]:
        """What is to be run, seed by seed, so that every method is at the same seed at any time."""
        done = self.standing(records)
        return [
            Job(circuit, method, seed, self.budget, self.full)
            for seed in self.seeds
            for circuit in self.circuits
            for method in self.methods
            if seed not in {record.seed for record in done[circuit][method]}
        ]

    def forget(self, records: Records) -> None:
        """Remove the records of these circuits and methods."""
        for circuit in self.circuits:
            for method in self.methods:
                records.forget(circuit, method)

    def tidy(self, records: Records) -> None:
        """Remove what other code made; runs of other budgets stay."""
        for circuit in self.circuits:
            for method in self.methods:
                records.tidy(circuit, method, _key(circuit, method))

    def _valid(self, records: Records, circuit: str, method: str) -> list[Record]:
        key = _key(circuit, method)
        return records.valid(circuit, method, key, self.budget, full=self.full)


def _key(circuit: str, method: str) -> str:
    return fingerprint(METHODS[method], Task(load_circuit(circuit), 0))


def run_missing(campaign: Campaign, records: Records, workers: int) -> None:
    """Run what is not on record; each run is on record as soon as it ends."""
    jobs = campaign.missing(records)
    head = commit()
    # Processes, not threads: a fit on one core must not wait for another's lock.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(run, job) for job in jobs]
        try:
            for number, record in enumerate(_finished(futures), 1):
                made = {**record.provenance, "commit": head}
                records.add(replace(record, provenance=made))
                _say(number, len(jobs), record)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    campaign.tidy(records)


def run(job: Job) -> Record:
    """One run, in a process that it has to itself, with one simulator host."""
    import torch

    torch.set_num_threads(1)
    circuit, entry = load_circuit(job.circuit), METHODS[job.method]
    task = Task(circuit, job.seed)
    with NgspiceSimulator(circuit, processes=1) as simulator:
        contest = Contest(task, entry.make, simulator, job.budget, job.full)
        record = contest.run(job.circuit, job.method)
        made = {
            "simulator": simulator.version,
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            **{f"version of {name}": number for name, number in entry.versions().items()},
        }
    return replace(record, fingerprint=fingerprint(entry, task), provenance=made)


def _finished(futures: list[Future[Record]]) -> Iterator[Record]:
    for future in as_completed(futures):
        yield future.result()


def _say(number: int, total: int, record: Record) -> None:
    met = f"all specs at {record.first_feasible}" if record.first_feasible else "specs not met"
    print(
        f"[{number}/{total}] {record.circuit} {record.method} seed {record.seed}: {met}, "
        f"{record.simulations} simulations, {record.seconds:.0f} s"
        + (f", {record.faults[0]}" if record.faults else ""),
        file=sys.stderr,
        flush=True,
    )
