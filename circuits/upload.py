"""A circuit's files as they come with an upload: a mapping from path to text."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from circuits.errors import CircuitError, Finding
from circuits.folder import quietly, shared
from circuits.source import FILES_LIMIT, TOTAL_LIMIT, Source

_NAME = 200  # characters of a path


class Upload(Source):
    """The files of an upload; nothing on disk is read but the project's own model cards.

    Args:
        files: text by path relative to the circuit's folder, with `/` between folders.

    Raises:
        CircuitError: a path that is none or is there twice, too many files, too much text.
    """

    def __init__(self, files: Mapping[str, str]) -> None:
        if len(files) > FILES_LIMIT:
            raise CircuitError([_finding(f"over {FILES_LIMIT} files", "Join them")])
        if sum(map(len, files.values())) > TOTAL_LIMIT:
            raise CircuitError([_finding(f"over {TOTAL_LIMIT} characters in all", "Shorten it")])
        findings = [finding for name in files for finding in _bad_name(name)]
        self._files: dict[str, str] = {}
        for name, text in files.items():
            key = posixpath.normpath(name)
            if key in self._files:
                findings.append(Finding(key[:_NAME], None, "is there twice", "Remove one of them"))
            self._files[key] = text
        if findings:
            raise CircuitError(findings)

    def has(self, key: str) -> bool:
        """Whether the upload has the file, or the project has that model card."""
        return key in self._files or _is_shared(key)

    def inside(self, key: str) -> bool:
        """Whether the key stays within the upload."""
        return "\0" not in key and not key.startswith(("/", ".."))

    def raw(self, key: str, limit: int) -> bytes:
        """The first `limit` bytes."""
        if key in self._files:
            # A lone surrogate, which JSON may carry, becomes bytes that are no UTF-8: refused.
            return self._files[key].encode("utf-8", "surrogatepass")[:limit]
        with shared(key).open("rb") as file:
            return file.read(limit)


def _is_shared(key: str) -> bool:
    name = key.removeprefix("models/")
    return name != key and "/" not in name and quietly(shared(key).is_file)


def _bad_name(name: str) -> list[Finding]:
    """What is wrong with a path."""
    key = posixpath.normpath(name)
    if not name or len(name) > _NAME or not name.isprintable() or "\\" in name:
        problem = f"{name[:_NAME]!r} is no path of a file"
        return [_finding(problem, f"Use up to {_NAME} printable characters, `/` between folders")]
    if key.startswith(("/", "..")) or key == "." or name.endswith("/"):
        return [_finding(f"{name!r} leads out of the circuit's folder", "Use a path within it")]
    return []


def _finding(problem: str, cure: str) -> Finding:
    return Finding("upload", None, problem, cure)
