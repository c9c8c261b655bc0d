"""`.lib` and include cards: files of the folder are resolved, a PDK's left to its registry."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

_LIB = re.compile(
    r"\.lib\s+(?:\"(?P<double>[^\"]+)\"|'(?P<single>[^']+)'|(?P<bare>[^\s\"']+))"
    r"(?:\s+[\"']?(?P<section>[A-Za-z0-9_][\w.+-]*)[\"']?)?\s*$",
    re.IGNORECASE,
)
_INCLUDE = re.compile(
    r"\.inc(?:l|lude)?\s+(?:\"([^\"]+)\"|'([^']+)'|([^\s\"']+))\s*$", re.IGNORECASE
)
_PDK_FILES = frozenset({"design.ngspice", "design.xyce"})
"""Include files of PDKs that stand beside their libraries (GF180MCU)."""


@dataclass(frozen=True, slots=True)
class LibraryCall:
    """A `.lib FILE SECTION` card; `section` is empty for a definition, `.lib SECTION`."""

    path: str
    section: str

    @property
    def name(self) -> str:
        """The file's own name, without folders."""
        return posixpath.basename(self.path)


def read_library_call(card: str) -> LibraryCall | None:
    """What a `.lib` card says; None when it is none of the forms."""
    match = _LIB.match(card)
    if match is None:
        return None
    path = match["double"] or match["single"] or match["bare"]
    return LibraryCall(path.strip(), match["section"] or "")


def read_include(card: str) -> str | None:
    """The path on an include card."""
    match = _INCLUDE.match(card)
    return None if match is None else next(filter(None, match.groups())).strip()


def is_pdk_include(path: str) -> bool:
    """Whether an include is a PDK's by its path: no circuit has such a folder."""
    parts = path.split("/")
    return path in _PDK_FILES or "libs.tech" in parts or "libs.ref" in parts


def section_key(key: str, section: str) -> str:
    """Key in `Circuit.files` of one section of a library file."""
    return f"{key}({section.lower()})"


def take_section(text: str, section: str) -> str | None:
    """The file with all but one section made comments, so that lines keep their numbers.

    Returns:
        None when the file has no such section.
    """
    lines, inside, found = [], False, False
    for line in text.splitlines():
        defined, keep = _defined(line), inside
        if defined is not None:
            inside, keep = defined.lower() == section.lower(), False
            found = found or inside
        elif re.match(r"\s*\.endl\b", line, re.IGNORECASE):
            inside = keep = False
        lines.append(line if keep or not line.strip() else f"* {line.strip()}")
    return "\n".join(lines) + "\n" if found else None


def section_names(text: str) -> list[str]:
    """Sections that a library file defines, in order."""
    found = (_defined(line) for line in text.splitlines())
    return [name for name in found if name is not None]


def _defined(line: str) -> str | None:
    """The section that a line `.lib SECTION` opens."""
    if not line.lstrip().lower().startswith(".lib"):
        return None
    call = read_library_call(line.split("$", 1)[0].strip())
    return call.path if call is not None and not call.section else None
