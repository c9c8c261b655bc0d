"""What all commands share: where they print, how they fail, where their data is."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Annotated, Any, NoReturn

import structlog
import typer
from pydantic import ValidationError
from rich.console import Console

from ado_service.jobs.browsing import UnknownNameError
from ado_service.settings import Settings, SettingsError, load_settings
from ado_service.store.errors import BadCursor, BadDatabaseUrl, JobEnded, NotFound, StoreError
from ado_service.store.store import Store
from circuits.errors import CircuitError, UnknownCircuitError
from circuits.mistakes import mistakes
from simulators.ngspice.errors import SimulatorError
from simulators.pdk.errors import PdkError

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

BAD_INPUT = 2
FAILED = 1

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Database = Annotated[
    str | None,
    typer.Option(
        "--database", help="Design database, such as sqlite:///ado.db. [ADO_DATABASE_URL]"
    ),
]


Cache = Annotated[
    bool, typer.Option("--cache/--no-cache", help="Use and keep results of simulations.")
]


def fail(message: str, code: int = BAD_INPUT) -> NoReturn:
    """Say on standard error what is wrong, and end with `code`."""
    err.print(f"error: {message}", style="red", markup=False, soft_wrap=True)
    raise typer.Exit(code)


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turn the errors that a user can mend into a message and an exit code."""
    try:
        yield
    except (UnknownCircuitError, CircuitError, SettingsError, UnknownNameError) as error:
        fail(str(error))
    except (NotFound, JobEnded, BadCursor, BadDatabaseUrl) as error:
        fail(str(error))
    except ValidationError as error:
        fail("; ".join(_plain(detail) for detail in mistakes(error.errors())))
    except (StoreError, SimulatorError, PdkError) as error:
        fail(str(error), FAILED)


def _plain(detail: dict[str, Any]) -> str:
    field = ".".join(str(part) for part in detail["loc"])
    text = str(detail["msg"])
    return f"{field}: {text}" if field else text


def print_json(value: Any) -> None:
    """One JSON object on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")


def settings_with(database: str | None = None, **overrides: Any) -> Settings:
    """Settings, options given on the command line first."""
    if database is not None:
        overrides["database_url"] = database
    return load_settings(**{key: value for key, value in overrides.items() if value is not None})


@contextmanager
def open_store(settings: Settings) -> Iterator[Store]:
    """The design database, closed at the end."""
    with Store.open(settings.database_url, home=settings.data_dir) as store:
        yield store


@contextmanager
def open_results(settings: Settings) -> Iterator[Store | None]:
    """The design database for the results that it keeps; None, with a word, where it is away."""
    with ExitStack() as stack:
        store = None
        if settings.cache:
            try:
                store = stack.enter_context(open_store(settings))
            except StoreError as error:
                err.print(f"without kept results: {error}", markup=False, soft_wrap=True)
        yield store


def log_to_stderr(level: int = logging.WARNING) -> None:
    """Structured logs go to standard error, so that standard output stays the answer's."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
            if sys.stderr.isatty()
            else structlog.processors.JSONRenderer(),
        ],
    )
