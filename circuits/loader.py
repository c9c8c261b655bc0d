"""Reads a circuit folder (circuit.yaml and its SPICE files) into a `Circuit`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from circuits.definition import Circuit
from circuits.errors import CircuitError, Finding, UnknownCircuitError
from circuits.units import UnitError, parse_quantity
from circuits.yaml_source import YamlSource

LIBRARY = Path(__file__).parent / "library"
MODELS = Path(__file__).parent / "models"
_INCLUDE = re.compile(
    r"^[ \t]*\.inc(?:l|lude)?[ \t]+[\"']?([^\"'\s]+)[\"']?", re.IGNORECASE | re.MULTILINE
)
_FILE_LIMIT = 4_000_000  # bytes; a flattened PDK card set is a tenth of that


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
        return _load_folder(LIBRARY / text)
    folder = Path(name_or_folder)
    if (folder / "circuit.yaml").is_file():
        return _load_folder(folder)
    if folder.is_dir():
        raise UnknownCircuitError(f"{folder} has no circuit.yaml; see docs/circuits.md")
    raise UnknownCircuitError(
        f"no circuit {text!r}: the library has {', '.join(library_names())}; "
        "or give the path of a folder with a circuit.yaml"
    )


def _load_folder(folder: Path) -> Circuit:
    path = folder / "circuit.yaml"
    source = YamlSource(str(path), _read(path))
    benches = source.data.get("testbenches")
    files = _collect(folder, source, benches if isinstance(benches, list) else [])
    try:
        return Circuit.model_validate({**_plain(source), "files": files})
    except ValidationError as error:
        raise CircuitError(_findings(source, error)) from error


def _plain(source: YamlSource) -> dict[str, Any]:
    """The YAML data with quantities such as `0.12u` as numbers, specs and ranges alike."""
    data: dict[str, Any] = dict(source.data)
    data.pop("files", None)
    numeric = {"low", "high", "grid", "threshold", "norm", "weight", "penalty", "clip"}

    def convert(value: Any, path: tuple[int | str, ...]) -> Any:
        match value:
            case dict():
                return {key: convert(item, (*path, key)) for key, item in value.items()}
            case list():
                return [convert(item, (*path, index)) for index, item in enumerate(value)]
            case str() if path and (path[-1] in numeric or "parameters" in path[:-1]):
                return _quantity(source, path, value)
        return value

    converted: dict[str, Any] = convert(data, ())
    return converted


def _quantity(source: YamlSource, path: tuple[int | str, ...], text: str) -> float:
    try:
        return parse_quantity(text)
    except UnitError as error:
        raise source.error(source.line(path), f"{path[-1]}: {error}", "Mend the number") from error


def _findings(source: YamlSource, error: ValidationError) -> list[Finding]:
    found = []
    for detail in error.errors():
        path = detail["loc"]
        named = ".".join(str(key) for key in path) or "the circuit"
        problem = detail["msg"].removeprefix("Value error, ")
        line = source.line(path) or _line_naming(source, problem)
        found.append(Finding(source.file, line, f"{named}: {problem}", "See docs/circuits.md"))
    return found


def _line_naming(source: YamlSource, problem: str) -> int | None:
    """Line of the spec or group that a whole-circuit error is about."""
    for name in re.findall(r"'([a-z0-9_]+)'", problem):
        for number, entry in enumerate(source.data.get("spec_sets") or []):
            for index, spec in enumerate(entry.get("specs") or []):
                if isinstance(spec, dict) and spec.get("metric") == name:
                    return source.line(("spec_sets", number, "specs", index))
    return None


def _collect(folder: Path, source: YamlSource, benches: list[Any]) -> dict[str, str]:
    """Text of every netlist and of what they include, by path relative to the folder."""
    files: dict[str, str] = {}
    for index, bench in enumerate(benches):
        name = bench.get("netlist") if isinstance(bench, dict) else None
        if not isinstance(name, str):
            continue  # the definition's own check says that the netlist is missing
        if not (folder / name).is_file():
            raise source.error(
                source.line(("testbenches", index)),
                f"testbench netlist {name!r} is not in the folder",
                "Mend the name or add the file",
            )
        for path in _reachable(folder, folder / name):
            files[_key(folder, path)] = _read(path)
    return files


def _reachable(folder: Path, start: Path) -> Iterator[Path]:
    """`start` and all that it includes, each once."""
    queue, seen = [start.resolve()], set[Path]()
    while queue:
        path = queue.pop(0)
        if path in seen:
            continue
        seen.add(path)
        yield path
        text = _read(path)
        for match in _INCLUDE.finditer(text):
            target = (path.parent / match[1]).resolve()
            line = text.count("\n", 0, match.start()) + 1
            _check_include(folder, path, line, match[1], target)
            queue.append(target)


def _check_include(folder: Path, path: Path, line: int, name: str, target: Path) -> None:
    inside = any(target.is_relative_to(root.resolve()) for root in (folder, MODELS))
    if not inside:
        problem, cure = f"include {name!r} leads out of the circuit's folder", "Copy the file there"
    elif not target.is_file():
        problem, cure = f"include {name!r}: no such file", "Mend the name or add the file"
    else:
        return
    raise CircuitError([Finding(path.name, line, problem, cure)])


def _key(folder: Path, path: Path) -> str:
    """How a file is named in `Circuit.files`: below the folder, or `models/NAME`."""
    if path.is_relative_to(MODELS.resolve()):
        return f"models/{path.relative_to(MODELS.resolve())}"
    return str(path.relative_to(folder.resolve()))


def _read(path: Path) -> str:
    try:
        raw = path.read_bytes()
        if len(raw) > _FILE_LIMIT:
            problem, cure = f"over {_FILE_LIMIT} bytes long", "Keep only what is used"
            raise CircuitError([Finding(path.name, None, problem, cure)])
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        finding = Finding(path.name, None, "not UTF-8 text", "Save it as UTF-8")
        raise CircuitError([finding]) from error
    except OSError as error:
        finding = Finding(path.name, None, f"cannot be read: {error.strerror}", "Check the file")
        raise CircuitError([finding]) from error
