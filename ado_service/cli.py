"""The `ado` command line."""

from __future__ import annotations

import sys

import typer

from ado_service.commands.circuits import check, circuits, evaluate
from ado_service.commands.doctor import doctor
from ado_service.commands.models import models
from ado_service.commands.pdk import pdk
from ado_service.commands.records import designs, jobs
from ado_service.commands.run import run
from ado_service.commands.serve import serve, worker
from ado_service.commands.tune import tune
from ado_service.commands.tunings import tunings
from ado_service.commands.yields import yield_of_design

app = typer.Typer(
    name="ado",
    help="Sizes analog circuits on ngspice: GP-BO and an LLM agent share one design database.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
for command in (
    run, circuits, check, evaluate, jobs, designs, tune, tunings, serve, worker, doctor,
):  # fmt: skip
    app.command()(command)
app.command("yield")(yield_of_design)
app.add_typer(pdk, name="pdk")
app.add_typer(models, name="models")


def main() -> None:
    """Entry point of the console script."""
    try:
        app()
    except KeyboardInterrupt:  # before a command has its own way with it
        sys.exit(130)


if __name__ == "__main__":
    main()
