"""`ado doctor`: is everything there that a job needs, and if not, what helps."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass

import typer

from ado_service.commands.console import (
    FAILED,
    Database,
    Json,
    open_store,
    out,
    print_json,
    settings_with,
    told_plainly,
)
from ado_service.llm.profile import MissingKeyError
from ado_service.settings import Settings
from ado_service.store.errors import StoreError
from circuits.loader import load_circuit
from simulators.ngspice.errors import SimulatorError
from simulators.ngspice.host_process import host_confinement
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.pdk.registry import installed_pdks
from simulators.starting import starting_design

_FARM_SECONDS = 10.0
"""How long a farm may be without workers before it counts as none."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at."""

    name: str
    ok: bool
    found: str
    cure: str = ""


def doctor(database: Database = None, as_json: Json = False) -> None:
    """Check ngspice, libngspice, torch, the database and the LLM profiles."""
    with told_plainly():
        settings = settings_with(database)
    checks: tuple[Callable[[Settings], list[Diagnosis]], ...] = (
        _ngspice,
        _libngspice,
        _confinement,
        _pdks,
        _farm,
        _torch,
        _database,
        _profiles,
    )
    found = [one for check in checks for one in check(settings)]
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        for one in found:
            mark = "[green]✓[/]" if one.ok else "[red]✗[/]"
            out.print(
                f"{mark} {one.name}: {one.found}" + (f" -> {one.cure}" if one.cure else ""),
                soft_wrap=True,
            )
    if not all(one.ok for one in found):
        raise typer.Exit(FAILED)


def _ngspice(_settings: Settings) -> list[Diagnosis]:
    path = shutil.which("ngspice")
    if path is None:
        cure = "apt-get install ngspice (needed to re-run netlists by hand, not by jobs)"
        return [Diagnosis("ngspice", False, "not installed", cure)]
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    version = next((line for line in said.stdout.splitlines() if "ngspice-" in line), "?")
    return [Diagnosis("ngspice", True, version.strip("* "))]


def _libngspice(_settings: Settings) -> list[Diagnosis]:
    """A real simulation: the only proof that a host starts."""
    circuit = load_circuit("two_stage_amplifier")
    try:
        with NgspiceSimulator(circuit, processes=1) as simulator:
            result = simulator.run([starting_design(circuit)])[0]
    except SimulatorError as error:
        return [Diagnosis("libngspice", False, str(error))]
    if result.failure is None:
        found = f"{result.simulator}, a design in {result.seconds * 1e3:.0f} ms with the start"
        return [Diagnosis("libngspice", True, found)]
    return [Diagnosis("libngspice", False, f"{result.failure}: {result.message}")]


def _confinement(_settings: Settings) -> list[Diagnosis]:
    """What hosts are confined by here; a missing step is no error, others hold."""
    try:
        found = host_confinement()
    except SimulatorError as error:
        return [Diagnosis("confinement", False, str(error))]
    missing = [f"no {step} ({reason})" for step, reason in found.items() if reason]
    holds = [step for step, reason in found.items() if not reason]
    cure = "docs/operations.md says what holds without it" if missing else ""
    return [Diagnosis("confinement", True, ", ".join([*holds, *missing]), cure)]


def _pdks(_settings: Settings) -> list[Diagnosis]:
    found = installed_pdks()
    if not found:
        return [Diagnosis("PDKs", True, "none", "`ado pdk install sky130` fetches one")]
    return [Diagnosis("PDKs", True, ", ".join(f"{one.name} ({one.root})" for one in found))]


def _farm(settings: Settings) -> list[Diagnosis]:
    """A real simulation there, when there is to be a farm."""
    address = settings.dask_address
    if not address:
        return []
    from simulators.farm.pool import DaskPool  # the extra `farm`

    circuit = load_circuit("two_stage_amplifier")
    try:
        with DaskPool(circuit, address=address, patience=_FARM_SECONDS, fall_back=False) as pool:
            result = pool.run([starting_design(circuit)])[0]
    except SimulatorError as error:
        return [Diagnosis("farm", False, str(error))]
    if result.failure is not None:
        return [Diagnosis("farm", False, f"{result.failure}: {result.message}")]
    return [Diagnosis("farm", True, f"{address}, {result.simulator}")]


def _torch(_settings: Settings) -> list[Diagnosis]:
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("torch", "botorch")]
    return [Diagnosis("torch", True, ", ".join(versions))]


def _database(settings: Settings) -> list[Diagnosis]:
    try:
        with open_store(settings) as store:
            store.ping()
            jobs = sum(store.jobs.count_by_state().values())
    except StoreError as error:
        return [Diagnosis("database", False, str(error), "Set ADO_DATABASE_URL")]
    return [Diagnosis("database", True, f"{jobs} jobs")]


def _profiles(settings: Settings) -> list[Diagnosis]:
    if not settings.llm_profiles:
        cure = "jobs run as pure GP-BO; docs/llm.md shows how to configure one"
        return [Diagnosis("LLM profiles", True, "none", cure)]
    found = []
    for name, profile in settings.llm_profiles.items():
        try:
            profile.key()
        except MissingKeyError as error:
            found.append(Diagnosis(f"LLM profile {name}", False, str(error), "Set the variable"))
        else:
            found.append(Diagnosis(f"LLM profile {name}", True, profile.model))
    return found
