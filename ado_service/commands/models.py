"""`ado models`: the language models on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ado_service.commands.console import (
    Database,
    Json,
    err,
    fail,
    log_to_stderr,
    open_store,
    out,
    print_json,
    settings_with,
    told_plainly,
)
from ado_service.local_llm import LocalModelError
from ado_service.local_llm.embedded import NAME as EMBEDDED
from ado_service.local_llm.model_source import ModelSource
from ado_service.local_llm.quantization import Quantization
from ado_service.model_registration import register_model
from ado_service.model_registry import ModelRegistry
from ado_service.store.errors import AlreadyExists, ModelInUse, NotFound
from ado_service.store.store import Store

models = typer.Typer(no_args_is_help=True, help="Add and list language models on this machine.")

_Name = Annotated[str, typer.Argument(help="Name of the model.")]


@models.command("add")
def add(
    path: Annotated[Path, typer.Argument(help="Folder of a Hugging Face decoder.")],
    name: Annotated[
        str | None, typer.Option(help="What it is asked for by. [the folder's name]")
    ] = None,
    quantization: Annotated[
        Quantization, typer.Option(help="4 bits a weight (nf4), or as it is stored (none).")
    ] = Quantization.NF4,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Register a model, after it was loaded and gave a token."""
    log_to_stderr()
    with told_plainly(), open_store(settings_with(database)) as store:
        try:
            if not as_json:
                err.print(f"loading {path} ...", markup=False, soft_wrap=True)
            record = register_model(store, path, name=name, quantization=quantization)
        except (LocalModelError, AlreadyExists) as error:
            fail(str(error))
        shown = described(ModelRegistry(store).source(record.name))
    if as_json:
        print_json(shown)
    else:
        out.print(f"{record.name} is there: ado run CIRCUIT --llm {record.name}", markup=False)


@models.command("list")
def list_models(database: Database = None, as_json: Json = False) -> None:
    """Show the models that can be asked."""
    with told_plainly(), open_store(settings_with(database)) as store:
        found = [_source(store, name) for name in sorted(ModelRegistry(store))]
    if as_json:
        print_json([described(one) for one in found])
        return
    table = Table("model", "family", "parameters", "context", "held as", "tuned")
    for one in found:
        tuned = "" if one.base is None else f"{one.method} from {one.base.name}"
        size = f"{one.parameters / 1e6:,.1f} M"
        table.add_row(one.name, one.family, size, str(one.context), one.quantization.value, tuned)
    if found:
        out.print(table)
    else:
        out.print("there is no model yet; `ado models add PATH` registers one")


@models.command("show")
def show(name: _Name, database: Database = None) -> None:
    """Show all that is known of a model, as JSON."""
    with told_plainly(), open_store(settings_with(database)) as store:
        print_json(described(_source(store, name)))


@models.command("remove")
def remove(name: _Name, database: Database = None) -> None:
    """Forget a model; its files stay where they are."""
    with told_plainly(), open_store(settings_with(database)) as store:
        if name == EMBEDDED:
            fail(f"{EMBEDDED!r} comes with the package and cannot be removed")
        try:
            record = store.models.remove(name)
        except (NotFound, ModelInUse) as error:
            fail(str(error))
    out.print(f"{name} is forgotten; its files are still in {record.path}", markup=False)


def described(source: ModelSource) -> dict[str, Any]:
    """A model as JSON."""
    return {
        "name": source.name,
        "path": str(source.folder),
        "quantization": source.quantization.value,
        "method": source.method,
        "base": None if source.base is None else source.base.name,
        "fingerprint": source.fingerprint,
        "family": source.family,
        "parameters": source.parameters,
        "context": source.context,
        "created_at": source.created.isoformat(),
    }


def _source(store: Store, name: str) -> ModelSource:
    try:
        return ModelRegistry(store).source(name)
    except KeyError:
        fail(f"no model {name!r} is on record; `ado models list` shows those that are")
    except LocalModelError as error:
        fail(str(error))
