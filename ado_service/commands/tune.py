"""`ado tune`: tune a model on the designs of finished jobs, here and now."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ado_service.commands.console import (
    FAILED,
    Database,
    Json,
    err,
    fail,
    log_to_stderr,
    open_store,
    settings_with,
    told_plainly,
)
from ado_service.commands.signals import at_first_signal
from ado_service.commands.tunings import report
from ado_service.jobs.asked import SubmissionError
from ado_service.jobs.lease import LeaseKeeper
from ado_service.jobs.runner_name import runner_name
from ado_service.local_llm import LocalModelError, require_extra
from ado_service.local_llm.quantization import Quantization
from ado_service.settings import Settings
from ado_service.store.errors import AlreadyExists, JobEnded, NotFound
from ado_service.store.model_record import TuningMethod
from ado_service.store.store import Store
from ado_service.store.tuning_config import Downsampler, TuningConfig
from ado_service.store.tuning_record import TuningRecord, WantedTuning
from ado_service.tunings.place import want

_WATCH_SECONDS = 0.5
_DEFAULTS = TuningConfig(model="-", sources=("-",))


def tune(
    model: Annotated[
        str | None, typer.Argument(help="Name of a model (`ado models list`), or its folder.")
    ] = None,
    sources: Annotated[
        str | None, typer.Option("--from", help="Jobs, or a circuit for all finished ones on it.")
    ] = None,
    method: Annotated[TuningMethod, typer.Option(help="What is trained.")] = TuningMethod.QST,
    name: Annotated[str | None, typer.Option(help="Of the tuned model. [model and method]")] = None,
    steps: Annotated[int, typer.Option(help="Of the optimizer.")] = _DEFAULTS.steps,
    batch: Annotated[int, typer.Option(help="Examples of a step.")] = _DEFAULTS.batch,
    rate: Annotated[float | None, typer.Option(help="Largest learning rate. [by method]")] = None,
    rank: Annotated[int, typer.Option(help="Of LoRA, and of downsamplers.")] = _DEFAULTS.rank,
    reduction: Annotated[
        int, typer.Option("--r", help="How many times narrower a side network is.")
    ] = _DEFAULTS.reduction,
    downsampler: Annotated[
        Downsampler, typer.Option(help="Of a side network.")
    ] = _DEFAULTS.downsampler,
    checkpointing: Annotated[
        bool, typer.Option("--checkpointing", help="Recompute activations: less memory.")
    ] = False,
    quantization: Annotated[
        Quantization | None, typer.Option(help="How the backbone is held. [by method]")
    ] = None,
    trials: Annotated[
        int, typer.Option(help="Held-out prompts that are answered and simulated.")
    ] = _DEFAULTS.trials,
    save_every: Annotated[
        int, typer.Option(help="Steps between checkpoints.")
    ] = _DEFAULTS.save_every,
    seed: Annotated[int, typer.Option(help="Reproduces the tuning.")] = _DEFAULTS.seed,
    resume: Annotated[str | None, typer.Option(help="Go on with this tuning instead.")] = None,
    processes: Annotated[int | None, typer.Option(help="Simulator hosts. [cores + 1]")] = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Tune a model on designs that jobs have simulated, and register what comes out.

    Ctrl-C hands the tuning back to the queue; `--resume TUNING` goes on with it here, and with one
    that failed.
    """
    log_to_stderr()
    with told_plainly():
        _check_extra()
        settings = settings_with(database, processes=processes)
        with open_store(settings) as store:
            if resume is not None:
                tuning = _resumed(store, settings, resume)
            elif model is None or sources is None:
                fail("name a model and designs: ado tune MODEL --from JOBS|CIRCUIT")
            else:
                config = TuningConfig(
                    model=model, sources=tuple(sources.split(",")), method=method,
                    quantization=quantization, steps=steps, batch=batch, rate=rate, rank=rank,
                    reduction=reduction, downsampler=downsampler, checkpointing=checkpointing,
                    seed=seed, save_every=save_every, trials=trials,
                )  # fmt: skip
                tuning = _submitted(store, config, name)
            _work(store, settings, tuning, quiet=as_json)
            report(store.tunings.get(tuning.id), settings, as_json=as_json)


def _check_extra() -> None:
    try:
        require_extra()
    except LocalModelError as error:
        fail(str(error))


def _submitted(store: Store, config: TuningConfig, name: str | None) -> TuningRecord:
    """Check everything, then queue the tuning; a folder is first registered as a model."""
    from ado_service.model_registry import ModelRegistry
    from ado_service.tunings.folder import model_of_folder
    from ado_service.tunings.submit import submit

    try:
        is_path = Path(config.model).is_dir() or "/" in config.model
        if is_path and config.model not in set(ModelRegistry(store)):
            model = model_of_folder(store, Path(config.model), config, name)
            config = config.model_copy(update={"model": model})
        return submit(store, config, name)[0]
    except (SubmissionError, LocalModelError, AlreadyExists, NotFound) as error:
        fail(str(error))


def _resumed(store: Store, settings: Settings, tuning_id: str) -> TuningRecord:
    try:
        return want(store, settings, tuning_id, WantedTuning.RUN)
    except (AlreadyExists, JobEnded, NotFound) as error:
        fail(str(error))


def _work(store: Store, settings: Settings, tuning: TuningRecord, *, quiet: bool) -> None:
    """Run it here; while another runner has it, watch that one and stand by."""
    from ado_service.tunings.runner import TuningRunner

    drain, owner, leases = threading.Event(), runner_name(), store.tuning_leases
    with _drained_by_signals(tuning.id, drain), _progress(store, tuning, quiet=quiet) as watch:
        runner = TuningRunner(store, settings, drain.is_set)
        while not drain.is_set() and not store.tunings.get(tuning.id).state.ended:
            watch()
            lease = leases.claim(owner, settings.lease_seconds, tuning.id)
            if lease is None:
                drain.wait(_WATCH_SECONDS)
                continue
            with LeaseKeeper(leases, lease, settings.lease_seconds):
                fault = runner.run(lease, watch)
            if fault is not None:
                fail(f"{fault}; go on with: ado tune --resume {tuning.id}", FAILED)
        watch()


@contextmanager
def _drained_by_signals(tuning_id: str, drain: threading.Event) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM hands the tuning back, a second one ends the process."""

    def hand_back() -> None:
        drain.set()
        err.print(f"handing back; go on with: ado tune --resume {tuning_id}")

    with at_first_signal(hand_back):
        yield


@contextmanager
def _progress(store: Store, tuning: TuningRecord, *, quiet: bool) -> Iterator[_Watch]:
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} steps"),
        TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, disable=quiet) as bar:
        yield _Watch(store, tuning, bar)


class _Watch:
    """Moves the bar to where the tuning stands, with its loss and what it does."""

    def __init__(self, store: Store, tuning: TuningRecord, bar: Progress) -> None:
        self._store, self._id, self._bar = store, tuning.id, bar
        self._task = bar.add_task(tuning.name, total=tuning.config.steps, said="")

    def __call__(self) -> None:
        tuning = self._store.tunings.get(self._id)
        loss = "" if tuning.loss is None else f"loss {tuning.loss:.3f} "
        self._bar.update(self._task, completed=tuning.step, said=f"{loss}{tuning.message}")
