"""Whether the sizes that variables may take are ones that the MOS models are made for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from circuits.definition import Circuit
from circuits.errors import Finding
from circuits.variable import Variable
from simulators.netlist.deck import Deck
from simulators.netlist.mos import BinnedMos, within
from simulators.netlist.numparam import ExpressionError

_WORDS = {"l": "length", "w": "width"}
_SAME = 1e-9
"""Relative difference up to which a size is the same: no variable has moved it."""


@dataclass(slots=True)
class _Sizes:
    """What a device's size is in the designs that were tried.

    Attributes:
        device: as in one of the corners.
        start: its length and width of the starting design, m.
        outside: by `l` and `w` the sizes for which there is no model, m.
        moved_by: by `l` and `w` the variables that change them alone.
    """

    device: BinnedMos
    start: dict[str, float]
    outside: dict[str, list[float]] = field(default_factory=lambda: {"l": [], "w": []})
    moved_by: dict[str, list[str]] = field(default_factory=lambda: {"l": [], "w": []})


def outside_of_models(
    circuit: Circuit, decks: Sequence[Deck], start: Mapping[str, float]
) -> list[Finding]:
    """Devices of binned models that the variables' ranges take to sizes without a model.

    Tried are the starting design, all variables at their lowest and at their highest, and each
    alone at either end. A design whose sizes cannot be worked out counts for nothing here.

    Args:
        circuit: its variables' ranges are checked.
        decks: of its testbenches.
        start: design that the ends of each variable are tried around, SI units.
    """
    found: dict[tuple[str, ...], Finding] = {}  # by their cause: devices share variables
    for deck in decks:
        for sizes in _sizes(circuit, deck, start).values():
            for which, values in sizes.outside.items():
                if values:
                    cause = (which, sizes.device.group, *sizes.moved_by[which])
                    if cause not in found or not sizes.moved_by[which]:
                        finding = _finding(circuit, sizes, which)
                        found.setdefault(
                            cause if sizes.moved_by[which] else (finding.problem,), finding
                        )
    return list(found.values())


def _sizes(circuit: Circuit, deck: Deck, start: Mapping[str, float]) -> dict[str, _Sizes]:
    found: dict[str, _Sizes] = {}
    for moved, design in _designs(circuit, start):
        for corner in circuit.corners:
            try:
                binned = list(deck.binned({**circuit.parameters, **design}, corner))
            except ExpressionError:
                continue
            for device, length, width in binned:
                one = found.setdefault(device.head, _Sizes(device, {"l": length, "w": width}))
                _note(one, device, {"l": length, "w": width}, moved)
    return found


def _note(sizes: _Sizes, device: BinnedMos, now: Mapping[str, float], moved: str) -> None:
    beyond = [which for which, value in now.items() if not within(value, *device.limits[which])]
    if not beyond and not device.fits(now["l"], now["w"]):
        beyond = ["l", "w"]  # a gap between the bins: of a width with a length
    for which, value in now.items():
        if which in beyond and value not in sizes.outside[which]:
            sizes.outside[which].append(value)
            sizes.device = device
        differs = not math.isclose(value, sizes.start[which], rel_tol=_SAME)
        if moved and differs and moved not in sizes.moved_by[which]:
            sizes.moved_by[which].append(moved)


def _designs(
    circuit: Circuit, start: Mapping[str, float]
) -> Iterator[tuple[str, dict[str, float]]]:
    """(variable that was moved alone, design); the starting design comes first."""
    yield "", dict(start)
    for end in (0.0, 1.0):
        yield "", {one.name: one.from_unit(end) for one in circuit.variables}
    for one in circuit.variables:
        for end in (0.0, 1.0):
            yield one.name, {**start, one.name: one.from_unit(end)}


def _finding(circuit: Circuit, sizes: _Sizes, which: str) -> Finding:
    device, (low, high) = sizes.device, sizes.device.limits[which]
    values = sizes.outside[which]
    scale = device.factors.get(which, 1.0)
    unit = f" ({low / scale:.6g} to {high / scale:.6g} in the netlist)" if scale != 1.0 else ""
    moved = [one for one in circuit.variables if one.name in sizes.moved_by[which]]
    cause = ", ".join(f"{one.name} ({_range(one)})" for one in moved)
    problem = (
        f"{_path(device)}: its {_WORDS[which]} is {_span(values)} m"
        f"{f' within the range of {cause}' if moved else ', whatever the variables are'}; "
        f"{device.group} has models from {low:g} to {high:g} m{unit}"
    )
    names = " and ".join(one.name for one in moved)
    cure = f"Narrow the range of {names}" if moved else "Change it in the netlist"
    return Finding("circuit.yaml", None, problem, cure)


def _range(one: Variable) -> str:
    return f"{one.low:g} to {one.high:g} {one.unit}".rstrip()


def _path(device: BinnedMos) -> str:
    """`xdut.xmp1` for ngspice's `m.xdut.xmp1`."""
    name = device.head.split(None, 1)[0]
    return name.split(".", 1)[1] if "." in name else name


def _span(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
