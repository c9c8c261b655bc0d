"""One section of a PDK's model library: its cards, includes and nested sections in their places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from circuits.include import included, strip_comment
from simulators.netlist.card import Card
from simulators.pdk.errors import PdkError

_LIB = re.compile(
    r"\.lib\s+(?P<first>'[^']+'|\"[^\"]+\"|\S+)(?:\s+(?P<second>\S+))?\s*$", re.IGNORECASE
)
_DEPTH = 16
_FILE_LIMIT = 64_000_000


def section_names(library: Path) -> list[str]:
    """Names of the sections that the library file defines, in their order.

    Raises:
        PdkError: the file cannot be read.
    """
    matches = (_LIB.match(line.strip()) for line in _lines(library))
    return [m["first"].strip("'\"").lower() for m in matches if m and m["second"] is None]


class SectionReader:
    """Reads sections of a PDK's library, includes in their places.

    Args:
        root: the PDK's folder; nothing outside of it is read.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self.files: list[Path] = []

    def section(self, library: Path, name: str) -> list[Card]:
        """The cards of the section `name` (any case), as ngspice would see them.

        Raises:
            PdkError: no such section, or an include that leads nowhere or out of the root.
        """
        return self._section(library.resolve(), name.lower(), ())

    def file(self, path: Path) -> list[Card]:
        """The cards of a file that has no sections, such as a PDK's switches."""
        return list(self._include(path.resolve(), path.name, ()))

    def _section(self, file: Path, name: str, within: tuple[str, ...]) -> list[Card]:
        here = f"{file}:{name}"
        if here in within or len(within) > _DEPTH:
            raise PdkError(f"{file.name}: section {name!r} includes itself")
        lines = list(_of_section(self._lines(file), name))
        if not lines:
            known = ", ".join(section_names(file)) or "none"
            raise PdkError(f"{file.name} has no section {name!r}; it has {known}")
        return list(self._cards(file, lines, (*within, here)))

    def _cards(
        self, file: Path, lines: list[tuple[int, str]], within: tuple[str, ...]
    ) -> Iterator[Card]:
        for number, text in _joined(lines):
            include, lib = included(text), _LIB.match(text)
            if include is not None:
                yield from self._include(file, include, within)
            elif lib is not None and lib["second"]:
                target = file.parent / lib["first"].strip("'\"")
                yield from self._section(target.resolve(), lib["second"].lower(), within)
            else:
                yield Card(file.name, number, text)

    def _include(self, file: Path, name: str, within: tuple[str, ...]) -> Iterator[Card]:
        target = (file.parent / name).resolve()
        if str(target) in within or len(within) > _DEPTH:
            raise PdkError(f"{file.name}: {name} includes itself")
        lines = list(enumerate(self._lines(target), start=1))
        yield from self._cards(target, lines, (*within, str(target)))

    def _lines(self, file: Path) -> list[str]:
        if not file.is_relative_to(self._root):
            raise PdkError(
                f"{file} lies outside of the PDK's folder {self._root}; install it whole"
            )
        if file not in self.files:
            self.files.append(file)
        return _lines(file)


def _lines(file: Path) -> list[str]:
    try:
        if file.stat().st_size > _FILE_LIMIT:
            raise PdkError(f"{file.name} is over {_FILE_LIMIT} bytes long; is it a model library?")
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise PdkError(f"{file} cannot be read: {error.strerror}; is the PDK complete?") from error


def _of_section(lines: list[str], name: str) -> Iterator[tuple[int, str]]:
    """(number, line) between `.lib name` and its `.endl`."""
    inside = False
    for number, line in enumerate(lines, start=1):
        word = line.lstrip()[:5].lower()
        if word.startswith(".endl"):
            inside = False
        elif inside:
            yield number, line
        elif word.startswith(".lib") and (match := _LIB.match(strip_comment(line))):
            inside = match["second"] is None and match["first"].strip("'\"").lower() == name


def _joined(lines: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Logical lines: continuations joined, comments gone."""
    start, parts = 0, [""]
    for number, raw in lines:
        line = raw.strip()
        if line.startswith("+"):
            parts.append(strip_comment(line[1:]))
        elif line and (line := strip_comment(line)):
            if parts != [""]:
                yield start, " ".join(parts).strip()
            start, parts = number, [line]
    if parts != [""]:
        yield start, " ".join(parts).strip()
