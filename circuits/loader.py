"""Reads a circuit folder (circuit.yaml and its SPICE files) into a `Circuit`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from circuits.definition import Circuit
from circuits.errors import CircuitError, Finding, UnknownCircuitError
from circuits.folder import LIBRARY, Folder
from circuits.importer.circuit import import_circuit
from circuits.importer.syntax import Syntax
from circuits.importer.yaml_data import surroundings, with_imported
from circuits.mistakes import mistakes
from circuits.source import Source
from circuits.units import UnitError, parse_quantity
from circuits.upload import Upload
from circuits.yaml_source import YamlSource

_YAML = "circuit.yaml"
_NUMERIC = frozenset(
    "low high grid threshold norm weight penalty clip temperature "
    "required_above required_below avt abeta".split()
)


def library_names() -> list[str]:
    """Names of the circuits that come with the project."""
    return sorted(path.parent.name for path in LIBRARY.glob("*/circuit.yaml"))


def load_circuit(name_or_folder: str | Path) -> Circuit:
    """A library circuit by name, or the circuit in a folder.

    Raises:
        UnknownCircuitError: neither a library circuit nor a folder with a circuit.yaml.
        CircuitError: something in it is wrong; each finding names file, line and cure.
    """
    text = str(name_or_folder)
    if text in library_names():
        return _load(Folder(LIBRARY / text))
    folder = Folder(Path(name_or_folder))
    if folder.has(_YAML):
        return _load(folder)
    if folder.exists():
        raise UnknownCircuitError(f"{text} has no circuit.yaml; see docs/circuits.md")
    raise UnknownCircuitError(
        f"no circuit {text[:200]!r}: the library has {', '.join(library_names())}; "
        "or give the path of a folder with a circuit.yaml"
    )


def load_files(files: Mapping[str, str]) -> Circuit:
    """The circuit in an upload: text by path, among them `circuit.yaml`.

    Nothing on disk is read but the project's own model cards (`models/NAME`).

    Raises:
        CircuitError: something in it is wrong; each finding names file, line and cure.
    """
    source = Upload(files)
    if not source.has(_YAML):
        raise CircuitError([Finding(_YAML, None, "no such file", "Add it, see docs/circuits.md")])
    return _load(source)


def _load(files: Source) -> Circuit:
    source = YamlSource(_YAML, files.read(_YAML))
    data = _plain(source)
    syntax = _syntax(source, data)
    benches = [
        (name, (source.file, source.line(("testbenches", index, "netlist"))))
        for index, name in _benches(source.data)
    ]
    around = surroundings(data, syntax or Syntax.NGSPICE)
    imported = import_circuit(files, benches, around, guess=syntax is None)
    data = with_imported(data, imported)
    try:
        return Circuit.model_validate({**data, "files": imported.files})
    except ValidationError as error:
        raise CircuitError(_findings(source, error)) from error


def _syntax(source: YamlSource, data: dict[str, Any]) -> Syntax | None:
    """Takes `syntax` out of the data."""
    word = data.pop("syntax", None)
    if word is None:
        return None
    try:
        return Syntax(word)
    except ValueError as error:
        known = " or ".join(Syntax)
        line = source.line(("syntax",))
        raise source.error(line, f"unknown syntax {word!r}", f"Write {known}") from error


def _benches(data: dict[Any, Any]) -> Iterator[tuple[int, str]]:
    """(index, netlist) of the testbenches that name one; the definition's check sees the rest."""
    benches = data.get("testbenches")
    for index, bench in enumerate(benches if isinstance(benches, list) else []):
        name = bench.get("netlist") if isinstance(bench, dict) else None
        if isinstance(name, str):
            yield index, name


def _plain(source: YamlSource) -> dict[str, Any]:
    """The YAML data with quantities such as `0.12u` as numbers, specs and ranges alike."""
    if "files" in source.data:
        line = source.line(("files",))
        raise source.error(line, "files are not listed here", "Remove `files`; they are found")

    def convert(value: Any, path: tuple[int | str, ...]) -> Any:
        match value:
            case dict():
                return {key: convert(item, (*path, key)) for key, item in value.items()}
            case list():
                return [convert(item, (*path, index)) for index, item in enumerate(value)]
            case str() if path and (path[-1] in _NUMERIC or "parameters" in path[:-1]):
                return _quantity(source, path, value)
        return value

    converted: dict[str, Any] = convert(source.data, ())
    return converted


def _quantity(source: YamlSource, path: tuple[int | str, ...], text: str) -> float:
    try:
        return parse_quantity(text)
    except UnitError as error:
        raise source.error(source.line(path), f"{path[-1]}: {error}", "Mend the number") from error


def _findings(source: YamlSource, error: ValidationError) -> list[Finding]:
    found = []
    for detail in mistakes(error.errors()):
        path = detail["loc"]
        named = ".".join(str(key) for key in path) or "the circuit"
        problem = detail["msg"]
        line = source.line(path) or _line_naming(source, problem)
        found.append(Finding(source.file, line, f"{named}: {problem}", "See docs/circuits.md"))
    return found


def _line_naming(source: YamlSource, problem: str) -> int | None:
    """Line of what a whole-circuit error is about: it quotes a name."""
    section = problem.split(" ", 1)[0] if problem.endswith("is there twice; rename one") else ""
    for name in re.findall(r"'([a-z0-9_]+)'", problem):
        for path in _paths_naming(source.data, name, section):
            return source.line(path)
    return None


def _paths_naming(data: Any, name: str, section: str) -> list[tuple[int | str, ...]]:
    """Where `name` stands, the likeliest place first.

    That is its last definition in `section` (`metric` for `metrics`), where that is given; else
    a reference to it: the metric of a spec, a variable of a group, a parameter of a corner.
    """
    found: list[tuple[int | str, ...]] = []

    def walk(value: Any, path: tuple[int | str, ...]) -> None:
        match value:
            case dict():
                for key, item in value.items():
                    if key == name:
                        found.append((*path, str(key)))
                    walk(item, (*path, str(key)))
            case list():
                for index, item in enumerate(value):
                    walk(item, (*path, index))
            case str() if value == name:
                found.append(path)

    def refers(path: tuple[int | str, ...]) -> bool:
        if section:
            return str(path[0]).startswith(section) and path[-1] == "name"
        return path[-1] == "metric" or "variables" in path[1:] or path[0] == "corners"

    walk(data, ())
    found.reverse()  # the sort keeps the order of equals: later ones first
    return sorted(found, key=refers, reverse=True)
