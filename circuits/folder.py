"""A circuit's folder on disk: which of its files may be read, and how they are named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from circuits.source import Source

LIBRARY = Path(__file__).parent / "library"
MODELS = Path(__file__).parent / "models"


class Folder(Source):
    """The files of a folder; links that lead out of it are not followed.

    Args:
        path: of the folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def exists(self) -> bool:
        """Whether it is a folder."""
        return quietly(self._path.is_dir)

    def has(self, key: str) -> bool:
        """Whether a file is there."""
        return quietly(self._file(key).is_file)

    def inside(self, key: str) -> bool:
        """Whether the file, links followed, is in the folder or among our model cards."""
        try:
            target = self._file(key).resolve()
            return any(target.is_relative_to(root.resolve()) for root in (self._path, MODELS))
        except (OSError, RuntimeError, ValueError):  # a circle of links, a NUL in the name
            return False

    def raw(self, key: str, limit: int) -> bytes:
        """The first `limit` bytes: no more is read, however long the file is."""
        with self._file(key).open("rb") as file:
            return file.read(limit)

    def _file(self, key: str) -> Path:
        path = self._path / key
        return path if not key.startswith("models/") or quietly(path.is_file) else shared(key)


def shared(key: str) -> Path:
    """Where the project's own model card with the key `models/NAME` lies."""
    return MODELS / key.removeprefix("models/")


def quietly(question: Callable[[], bool]) -> bool:
    """The answer of a Path's question; False where the name itself is impossible."""
    try:
        return question()
    except (OSError, ValueError):
        return False
