"""The same circuit in other words: variables renamed and reordered, ranges narrowed.

Nothing is simulated again for it: what a design measures does not depend on what its sizes are
called. A model that is to read its prompt must not be able to rely on the names in the library.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuits.definition import Circuit, DeviceGroup
from circuits.units import rounded
from circuits.variable import Scale, Variable

Array = NDArray[np.float64]

_STYLES = ("{kind}{place}", "{kind}_{place}", "{kind}{letter}", "{kind}_{letter}", "x{place}",
           "p_{place}", "{kind}{place}v")  # fmt: skip
_KINDS = {"m": "w", "F": "c", "Ohm": "r", "A": "i", "V": "v"}
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_BRACES = re.compile(r"\{[^}]*\}|^\.param.*$", re.MULTILINE)
_RENAMED, _SHUFFLED, _CUT = 0.1, 0.15, 0.1
"""How often variables are renamed, lists shuffled, optional texts left out."""
_MOST_NARROWED = 3
"""Variables whose range is narrowed at most: few designs of a harvest lie in many narrow ranges."""


@dataclass(frozen=True, slots=True)
class Dressing:
    """A circuit as a prompt shows it.

    Attributes:
        circuit: with other names, orders and ranges; not one that could be simulated.
        names: the name in `circuit` by that in the original, in the original's order.
    """

    circuit: Circuit
    names: Mapping[str, str]

    def design(self, values: Mapping[str, float]) -> dict[str, float]:
        """A design of the original (SI units) under the names of the prompt, in its order."""
        renamed = {self.names[name]: value for name, value in values.items()}
        return {variable.name: renamed[variable.name] for variable in self.circuit.variables}

    def holds(self, values: Array) -> NDArray[np.bool_]:
        """Which of `n x d` designs of the original (SI units, its order) the ranges hold."""
        ranges = {one.name: (one.low, one.high) for one in self.circuit.variables}
        low, high = np.array([ranges[name] for name in self.names.values()]).T
        return np.asarray(((values >= low) & (values <= high)).all(axis=1))


def dressed(circuit: Circuit, near: Mapping[str, float], rng: np.random.Generator) -> Dressing:
    """`circuit` in other words; reproducible from the generator's state.

    Args:
        circuit: the original.
        near: a design (SI units); narrowed ranges hold it.
        rng: source of randomness.
    """
    plain = {name: name for name in circuit.variable_names}
    names = _names(circuit, rng) if rng.random() < _RENAMED else plain
    narrowed = set(rng.permutation(circuit.variable_names)[: int(rng.integers(_MOST_NARROWED + 1))])
    variables = [
        _variable(one, names, rng, near[one.name] if one.name in narrowed else None)
        for one in circuit.variables
    ]
    groups = [_group(one, names) for one in circuit.device_groups]
    principles = [_renamed_text(text, names) for text in circuit.design_principles]
    for listed in (variables, groups, principles):
        if rng.random() < _SHUFFLED:
            rng.shuffle(listed)
    if rng.random() < _CUT:
        principles = []
    files = {path: _renamed_netlist(text, names) for path, text in circuit.files.items()}
    changes = {
        "variables": tuple(variables),
        "device_groups": tuple(groups),
        "design_principles": tuple(principles),
        "files": files,
    }
    return Dressing(circuit.model_copy(update=changes), names)


def _names(circuit: Circuit, rng: np.random.Generator) -> dict[str, str]:
    """New names, all different; W and L of one device keep a common ending half of the time."""
    style = str(rng.choice(_STYLES))
    order = rng.permutation(len(circuit.variables))
    found: dict[str, str] = {}
    for variable, place in zip(circuit.variables, order, strict=True):
        kind = variable.name[0] if variable.unit == "m" else _KINDS.get(variable.unit, "k")
        letter = _LETTERS[int(place) % len(_LETTERS)]
        found[variable.name] = style.format(kind=kind, place=int(place) + 1, letter=letter)
    taken = {*circuit.parameters}
    if len(set(found.values())) < len(found) or taken & set(found.values()):
        return {name: f"s{place + 1}" for place, name in enumerate(found)}
    return found


def _variable(
    variable: Variable, names: Mapping[str, str], rng: np.random.Generator, near: float | None
) -> Variable:
    """The variable under its new name; around `near`, where its range is to be narrowed."""
    low, high = variable.low, variable.high
    if near is not None and variable.scale is not Scale.INTEGER and low > 0:
        low, high = _narrowed(low, high, near, rng)
    role = _renamed_text(variable.role, names)
    changes = {"name": names[variable.name], "low": low, "high": high, "role": role}
    return variable.model_copy(update=changes)


def _narrowed(
    low: float, high: float, near: float, rng: np.random.Generator
) -> tuple[float, float]:
    """A part of the range with `near` in it, in round numbers."""
    first = low * (near / low) ** rng.uniform(0.0, 0.9)
    last = high * (near / high) ** rng.uniform(0.0, 0.9)
    first, last = rounded(first, 2), rounded(last, 2)
    return (first if low < first < near else low), (last if near < last < high else high)


def _group(group: DeviceGroup, names: Mapping[str, str]) -> DeviceGroup:
    changes = {
        "variables": tuple(names[name] for name in group.variables),
        "structure": _renamed_text(group.structure, names),
        "function": _renamed_text(group.function, names),
    }
    return group.model_copy(update=changes)


def _renamed_text(text: str, names: Mapping[str, str]) -> str:
    words = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    return re.sub(rf"\b({words})\b", lambda match: names[match[1]], text)


def _renamed_netlist(text: str, names: Mapping[str, str]) -> str:
    """Names where values stand are replaced: an element `c1` of the value `{c1}` stays `c1`."""
    return _BRACES.sub(lambda match: _renamed_text(match[0], names), text)
