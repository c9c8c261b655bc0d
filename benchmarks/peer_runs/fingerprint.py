"""Whether a record still stands: a hash of all that decided the course of its run."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.peer_methods.protocol import Task
from benchmarks.peer_methods.registry import Entry
from benchmarks.peer_runs.contest import initial_points
from circuits.definition import Circuit
from circuits.fom import judge

ROOT = Path(__file__).parents[2]
_PROSE = {"title", "about", "source", "design_principles"}
"""Fields of a circuit that no optimiser reads."""
_HARNESS = ("benchmarks.peer_methods.protocol", "benchmarks.peer_runs.contest")


def fingerprint(entry: Entry, task: Task) -> str:
    """Of the circuit, the method's versions and code, the harness, the start and the verdict.

    Where runs start and how a design is judged count by what comes out, not by their code. Another
    version of ngspice is not in it: start afresh then.
    """
    parts = {
        "circuit": circuit_hash(task.circuit),
        "versions": entry.versions(),
        "sources": source_hash([*entry.sources, *_HARNESS]),
        "batches": [task.initial, task.batch],
        "start": initial_points(replace(task, seed=1)),
        "fom": [_fom(task, factor) for factor in (0.8, 1.0, 1.25)],
    }
    return _hash(json.dumps(parts, sort_keys=True))


def _fom(task: Task, factor: float) -> float:
    """The FOM of a design all of whose metrics are so many times their thresholds."""
    metrics = {spec.metric: spec.threshold * factor for spec in task.specs}
    return judge(metrics, task.specs).fom


def circuit_hash(circuit: Circuit) -> str:
    """Of all of a circuit that a run depends on, netlists and model cards included."""
    data = circuit.model_dump(mode="json", exclude=_PROSE)
    return _hash(json.dumps(data, sort_keys=True))


def source_hash(modules: Iterable[str]) -> str:
    """Of Python modules and of what they import from their own packages.

    Comments and docstrings do not count: a better word must not cost a day of simulation.
    """
    trees: dict[str, ast.Module] = {}
    for module in modules:
        _collect(module, module.rpartition(".")[0], trees)
    return _hash("\n".join(f"{name} {_code(trees[name])}" for name in sorted(trees)))


def _collect(module: str, package: str, trees: dict[str, ast.Module]) -> None:
    """Parses `module` and, from there on, whatever of `package` is imported."""
    place = ROOT.joinpath(*module.split("."))
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    if module in trees or not file.is_file():
        return
    trees[module] = ast.parse(file.read_text(encoding="utf-8"))
    for name in _imports(trees[module]):
        if name.startswith(f"{package}."):
            _collect(name, package, trees)


def _imports(tree: ast.Module) -> Iterator[str]:
    """What is imported anywhere in it, `from a import b` as `a` and `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _code(tree: ast.Module) -> str:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [part for part in node.body if not _is_text(part)]
    return ast.dump(tree)


def _is_text(node: ast.stmt) -> bool:
    """Whether a statement is a string by itself, as docstrings are."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
