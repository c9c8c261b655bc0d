"""Checks converted cards against the library that they come from, by simulation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simulators.netlist.card import Card
from simulators.netlist.flatten import Technology, flatten
from simulators.netlist.subckt import Subckt
from simulators.ngspice.errors import SimulatorError
from simulators.ngspice.host_process import HostProcess
from simulators.ngspice.job import BenchNumbers, BenchTemplate
from simulators.pdk.errors import PdkError
from simulators.pdk.registry import Pdk
from simulators.pdk.section import SectionReader
from simulators.pdk.technology import technology_of

TOLERANCE = 1e-6
"""Largest relative difference of an operating point's values that a conversion may make."""
_BIAS = ((0.6, 0.1), (0.9, 0.9), (1.5, 0.4))
"""(V gate to source, V drain to source) at which devices are compared."""
_SECONDS = 120.0
_FLOOR = 1e-15
"""Values (A, S, V) below this are zero: differences of nothing are not compared."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was compared in one section.

    Attributes:
        section: its name.
        devices: operating points compared.
        difference: the largest relative difference of their values.
    """

    section: str
    devices: int
    difference: float


def verify(pdk: Pdk, section: str) -> Verified:
    """Compares operating points of every binned MOS device of a section, in three of its bins.

    Raises:
        PdkError: they differ by more than `TOLERANCE`, or cannot be simulated.
    """
    technology = technology_of(pdk, (section,))
    cells = [
        technology.subckts[name] for name in technology.subckts if _comparable(technology, name)
    ]
    bench = list(_bench(cells))
    flat = flatten(bench, (), technology)
    ours = [*(flat.render({"mismatch_switch": 0.0, "temper": 27.0}, 0))]
    theirs = [card.text for card in SectionReader(pdk.root).section(pdk.library, section)]
    wanted = [card.keyword for card in bench if card.keyword.startswith("x")]
    own_names = [(path, name) for path, name in flat.devices]
    original = [(path, f"m.{path}.{_inner(cells, path)}") for path in wanted]
    mine = _points(ours, own_names, flat.cards)
    library = _points([*theirs, ".option wnflag=1", *(c.text for c in bench)], original, {})
    worst = max((_difference(mine[path], library[path]) for path in wanted), default=math.inf)
    if not worst <= TOLERANCE:
        raise PdkError(
            f"{pdk.name}, section {section}: the converted cards differ from the library by "
            f"{worst:.2g}; do not use them, and report it"
        )
    return Verified(section, len(wanted), worst)


def _comparable(technology: Technology, name: str) -> bool:
    """A four-terminal cell of one MOS with bins, without a mismatch of its model cards."""
    cell = technology.subckts[name]
    groups = cell.groups()
    return (
        len(cell.ports) == 4
        and len(cell.cards) == 1
        and cell.cards[0].keyword.startswith("m")
        and len(groups) == 1
        and len(next(iter(groups.values()))) > 2
    )


def _inner(cells: Sequence[Subckt], path: str) -> str:
    return cells[int(path[1:].split("_")[0])].cards[0].keyword


def _bench(cells: Sequence[Subckt]) -> Iterator[Card]:
    """A netlist with each cell in three bins, at three bias points."""
    lines = []
    for place, cell in enumerate(cells):
        sign = -1 if "pfet" in cell.name else 1
        cards = next(iter(cell.groups().values()))
        for number, card in enumerate((cards[0], cards[len(cards) // 2], cards[-1])):
            width, length = _middle(card, "w"), _middle(card, "l")
            for point, (gate, drain) in enumerate(_BIAS):
                name = f"{place}_{number}_{point}"
                lines += [
                    f"vg{name} g{name} 0 {sign * gate!r}",
                    f"vd{name} d{name} 0 {sign * drain!r}",
                    f"x{name} d{name} g{name} 0 0 {cell.name} w={width!r} l={length!r}",
                ]
    for number, line in enumerate([*lines, ".op"], start=1):
        yield Card("verification", number, line)


def _middle(card: Card, which: str) -> float:
    """A size amid a bin, in um."""
    words = dict(word.split("=", 1) for word in card.text.split() if "=" in word)
    low, high = float(words[f"{which}min"]), float(words[f"{which}max"])
    return float(f"{math.sqrt(low * min(high, low * 4)) * 1e6:.4g}")


def _points(
    lines: Sequence[str], devices: Sequence[tuple[str, str]], models: dict[str, str]
) -> dict[str, dict[str, float]]:
    bench = BenchTemplate(
        name="verification", body=[".option reltol=1e-9 abstol=1e-16 vntol=1e-12"],
        analyses=["op"], measures=[], devices=list(devices), models=models, nodes=False,
        unchecked=True, fast=False,
    )  # fmt: skip
    host = HostProcess([bench])
    try:
        answer = host.run([BenchNumbers(bench=0, lines=list(lines))], _SECONDS)
    except SimulatorError as error:
        raise PdkError(f"the check by simulation failed: {error}") from error
    finally:
        host.close()
    reply = answer["decks"][0]
    if reply["failure"] is not None or len(reply["devices"]) < len(devices):
        raise PdkError(f"the check by simulation failed: {reply['message'] or 'no device values'}")
    return reply["devices"]


def _difference(one: dict[str, float], other: dict[str, float]) -> float:
    return max(
        abs(one[name] - other[name]) / max(abs(one[name]), abs(other[name]), _FLOOR)
        for name in other
    )
