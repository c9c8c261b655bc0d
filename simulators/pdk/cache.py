"""Converted sections on disk: a library is read once, and again when one of its files changes."""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from simulators.pdk.convert import CONVERSION, NumericSection, convert
from simulators.pdk.registry import Pdk, own_folder
from simulators.pdk.section import SectionReader

_log = logging.getLogger(__name__)


def numeric_section(pdk: Pdk, sections: tuple[str, ...]) -> NumericSection:
    """The sections of a PDK's library as numeric cards, from the cache if it has them.

    Raises:
        PdkError: the library cannot be read, or has no such section.
    """
    entry = _entry(pdk, sections)
    found = _load(entry)
    if found is not None:
        return found
    reader = SectionReader(pdk.root)
    cards = [card for name in sections for card in reader.section(pdk.library, name)]
    for name in pdk.family.beside:
        if (pdk.library.parent / name).is_file():
            cards = [*reader.file(pdk.library.parent / name), *cards]
    numeric = convert(cards, pdk.family.switch, dict(pdk.family.overrides))
    _save(entry, numeric, reader.files)
    return numeric


def forget() -> None:
    """Removes every kept conversion: a library that was installed anew is read anew."""
    for entry in (own_folder() / "numeric").glob("*.json.gz"):
        entry.unlink(missing_ok=True)


def _entry(pdk: Pdk, sections: tuple[str, ...]) -> Path:
    key = json.dumps([CONVERSION, str(pdk.library.resolve()), sections, pdk.family.name])
    digest = hashlib.sha256(key.encode()).hexdigest()[:24]
    return own_folder() / "numeric" / f"{pdk.name}-{sections[0]}-{digest}.json.gz"


def _load(entry: Path) -> NumericSection | None:
    """The entry, unless it is not there, damaged, or older than its library."""
    try:
        data: dict[str, Any] = json.loads(gzip.decompress(entry.read_bytes()))
        if any(_stamp(Path(name)) != stamp for name, stamp in data["files"].items()):
            return None
        return NumericSection(data["subckts"], data["models"], data["scale"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        _log.warning("converted PDK %s cannot be read (%s); it is made anew", entry.name, error)
        return None


def _save(entry: Path, numeric: NumericSection, files: Iterable[Path]) -> None:
    """Keeps the conversion; where that fails, the next process converts again."""
    data = {
        "files": {str(file): _stamp(file) for file in files},
        "subckts": numeric.subckts,
        "models": numeric.models,
        "scale": numeric.scale,
    }
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        draft = entry.with_name(f"{entry.name}.{os.getpid()}")
        draft.write_bytes(gzip.compress(json.dumps(data).encode(), compresslevel=3))
        draft.replace(entry)
    except OSError as error:
        _log.warning("the converted PDK cannot be kept in %s: %s", entry.parent, error)


def _stamp(file: Path) -> list[int]:
    found = file.stat()
    return [found.st_size, found.st_mtime_ns]
