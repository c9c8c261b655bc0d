"""`ado tunings`: which tunings there are, what became of them, and what is wanted of them."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from ado_service.commands.console import (
    FAILED,
    Database,
    Json,
    err,
    fail,
    open_store,
    out,
    print_json,
    settings_with,
    told_plainly,
)
from ado_service.settings import Settings
from ado_service.store.errors import JobEnded, NotFound
from ado_service.store.tuning_record import TuningRecord, TuningState, WantedTuning
from ado_service.tunings.place import saved_step, tuning_folder, want


def tunings(
    tuning: Annotated[str | None, typer.Argument(help="Show this tuning in full.")] = None,
    state: Annotated[TuningState | None, typer.Option(help="Only those in this state.")] = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel the tuning.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many at most.")] = 20,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """List tunings, show one or cancel it."""
    settings = settings_with(database)
    with told_plainly(), open_store(settings) as store:
        if tuning is not None:
            try:
                if cancel:
                    want(store, settings, tuning, WantedTuning.CANCEL)
                print_json(store.tunings.get(tuning).model_dump(mode="json"))
            except (NotFound, JobEnded) as error:
                fail(str(error))
            return
        page = store.tunings.page(state, limit=limit)
    if as_json:
        print_json([one.model_dump(mode="json") for one in page.items])
        return
    table = Table("tuning", "name", "model", "method", "state", "steps", "loss", "held out")
    for one in page.items:
        loss = "" if one.loss is None else f"{one.loss:.3f}"
        found = one.metrics
        held = (
            "" if found is None else f"{found.before.mean_loss:.3f} -> {found.after.mean_loss:.3f}"
        )
        steps = f"{one.step}/{one.config.steps}"
        config = one.config
        table.add_row(
            one.id, one.name, config.model, config.method.value, one.state.value, steps, loss, held
        )
    out.print(table)


def report(tuning: TuningRecord, settings: Settings, *, as_json: bool) -> None:
    """Print what a tuning came to; one that failed ends the command."""
    if as_json:
        print_json(tuning.model_dump(mode="json"))
    if tuning.state is TuningState.FAILED:
        fail(_why(tuning, settings), FAILED)
    if as_json or tuning.metrics is None:
        if not as_json:
            err.print(f"tuning {tuning.id} is {tuning.state.value}")
        return
    before, after = tuning.metrics.before, tuning.metrics.after
    table = Table("held out", "before", "after")
    for kind in after.loss:
        table.add_row(
            f"loss, {kind.replace('_', ' ')}", *_pair(before.loss[kind], after.loss[kind])
        )
    table.add_row("answers without a problem", *_pair(before.valid, after.valid))
    table.add_row("better than their demonstrations", *_pair(before.better, after.better))
    out.print(table)
    out.print(f"{tuning.name} is there: ado run CIRCUIT --llm {tuning.name}", markup=False)


def _why(tuning: TuningRecord, settings: Settings) -> str:
    said = tuning.detail or tuning.message
    step = saved_step(tuning_folder(settings, tuning.id))
    if not step:
        return said
    return f"{said}; once that is mended, go on from step {step}: ado tune --resume {tuning.id}"


def _pair(*values: Any) -> list[str]:
    return ["-" if value is None else f"{value:.3f}" for value in values]
