"""Where PDKs are: the places in which their users keep them, in the order that they expect."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from simulators.pdk.errors import PdkError
from simulators.pdk.family import FAMILIES, Family


@dataclass(frozen=True, slots=True)
class Pdk:
    """An installed PDK.

    Attributes:
        family: what it is.
        name: its folder's name, such as `sky130A`.
        root: the folder; nothing outside of it is read.
        library: the model library.
        source: what led here, such as `$PDK_ROOT`.
    """

    family: Family
    name: str
    root: Path
    library: Path
    source: str


def own_folder() -> Path:
    """Where `ado pdk install` puts PDKs: ADO_PDK_HOME, else the user's data directory."""
    named = os.environ.get("ADO_PDK_HOME")
    return Path(named) if named else user_data_path("ado-service") / "pdk"


def find_pdk(family: Family) -> Pdk:
    """The first PDK of a family that is there.

    Raises:
        PdkError: there is none; the message says where was looked, and the cure.
    """
    found = next((one for one in installed_pdks() if one.family is family), None)
    if found is not None:
        return found
    cure = (
        "run `ado pdk install sky130`, or set ADO_PDK_PATH or PDK_ROOT"
        if family.name == "sky130"
        else "install it with ciel, or set ADO_PDK_PATH to its folder"
    )
    looked = ", ".join(dict.fromkeys(source for source, _ in _places()))
    raise PdkError(f"no PDK of {family.name} is installed; {cure} (looked in {looked})")


def installed_pdks() -> list[Pdk]:
    """Every PDK that is found, the preferred ones first."""
    found: dict[Path, Pdk] = {}
    for source, folder in _places():
        for pdk in _in_folder(source, folder):
            found.setdefault(pdk.library.resolve(), pdk)
    return list(found.values())


def _places() -> Iterator[tuple[str, Path]]:
    """(what it is called, folder) of PDKs or of folders of PDKs."""
    for named in filter(None, os.environ.get("ADO_PDK_PATH", "").split(os.pathsep)):
        yield "ADO_PDK_PATH", Path(named).expanduser()
    root = os.environ.get("PDK_ROOT")
    if root:
        variant = os.environ.get("PDK")
        if variant:
            yield "$PDK_ROOT/$PDK", Path(root).expanduser() / variant
        yield "$PDK_ROOT", Path(root).expanduser()
    for name in ("~/.ciel", "~/.volare", "/usr/share/pdk", "/usr/local/share/pdk"):
        yield name, Path(name).expanduser()
    yield "`ado pdk install`", own_folder()


def _in_folder(source: str, folder: Path) -> Iterator[Pdk]:
    """PDKs at `folder`: itself, a library file, or the PDKs in it."""
    for family in FAMILIES:
        if folder.name in family.file_names and _is_file(folder):
            yield Pdk(family, family.variants[0], _root_of(folder, family), folder, source)
        for root in (folder, *(folder / variant for variant in family.variants)):
            for path in family.libraries:
                if _is_file(root / path):
                    yield Pdk(family, root.name, root, root / path, source)


def _root_of(library: Path, family: Family) -> Path:
    """The PDK's folder around a library file that was named itself."""
    for path in family.libraries:
        if str(library).endswith(f"/{path}"):
            return Path(str(library)[: -len(path) - 1])
    return library.parent


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
