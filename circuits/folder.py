"""A circuit's folder on disk: which of its files may be read, and how they are named."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from pathlib import Path

from circuits.errors import CircuitError, Finding
from circuits.include import include_key, included, strip_comment

LIBRARY = Path(__file__).parent / "library"
MODELS = Path(__file__).parent / "models"
_FILE_LIMIT = 4_000_000  # bytes; a flattened PDK card set is a tenth of that
_FILES = 1000

Place = tuple[str, int | None]
"""A file and a line: what asks for another file."""


class Folder:
    """Reads a circuit's files, each by its key: the path relative to the folder.

    A key `models/NAME` that the folder itself does not have means the project's own model cards.
    Nothing outside of the folder and of those is read, whatever the netlists include.

    Args:
        path: of the folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def exists(self) -> bool:
        """Whether it is a folder."""
        return _quietly(self._path.is_dir)

    def has(self, key: str) -> bool:
        """Whether a file is there."""
        return _quietly((self._path / key).is_file)

    def read(self, key: str) -> str:
        """Text of a file.

        Raises:
            CircuitError: it cannot be read, is too long or no UTF-8.
        """
        try:
            with self._file(key).open("rb") as file:
                raw = file.read(_FILE_LIMIT + 1)  # no more, however long it is
        except OSError as error:
            raise _error((key, None), f"cannot be read: {error.strerror}", "Check it") from error
        if len(raw) > _FILE_LIMIT:
            raise _error((key, None), f"over {_FILE_LIMIT} bytes long", "Keep only what is used")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            raise _error((key, line), "not UTF-8 text", "Save it as UTF-8") from error

    def netlist(self, name: str, at: Place) -> dict[str, str]:
        """Text by key of the netlist `name` and of all that it includes.

        Args:
            name: path relative to the folder.
            at: what names it.

        Raises:
            CircuitError: a file is missing or lies elsewhere.
        """
        top = posixpath.normpath(name)
        queue: list[tuple[str, str, Place]] = [(top, f"testbench netlist {name!r}", at)]
        files: dict[str, str] = {}
        while queue:
            key, what, place = queue.pop(0)
            if key in files:
                continue
            self._check(key, what, place)
            if len(files) >= _FILES:
                raise _error(place, f"over {_FILES} files are included", "Join them")
            files[key] = self.read(key)
            queue += _includes(key, files[key], title=key == top)
        return files

    def _check(self, key: str, what: str, place: Place) -> None:
        if key.startswith(("/", "..")) or not self._inside(key):
            raise _error(place, f"{what} leads out of the circuit's folder", "Copy the file there")
        if not _quietly(self._file(key).is_file):
            raise _error(place, f"{what}: no such file", "Mend the name or add the file")

    def _inside(self, key: str) -> bool:
        """Whether the file, links followed, is in the folder or among our model cards."""
        try:
            target = self._file(key).resolve()
            return any(target.is_relative_to(root.resolve()) for root in (self._path, MODELS))
        except (OSError, RuntimeError, ValueError):  # a circle of links, a NUL in the name
            return False

    def _file(self, key: str) -> Path:
        if key.startswith("models/") and not self.has(key):
            return MODELS / key.removeprefix("models/")
        return self._path / key


def _includes(key: str, text: str, *, title: bool) -> list[tuple[str, str, Place]]:
    """(key, what to call it, place) of the includes in a file; a title line is no card."""
    found: list[tuple[str, str, Place]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        include = None if title and number == 1 else included(strip_comment(line))
        if include is not None:
            found.append((include_key(key, include), f"include {include!r}", (key, number)))
    return found


def _quietly(question: Callable[[], bool]) -> bool:
    """The answer of a Path's question; False where the name itself is impossible."""
    try:
        return question()
    except (OSError, ValueError):
        return False


def _error(place: Place, problem: str, cure: str) -> CircuitError:
    return CircuitError([Finding(*place, problem, cure)])
