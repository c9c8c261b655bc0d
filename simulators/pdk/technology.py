"""From a netlist's `.lib` cards to what flattening needs: the sections of an installed PDK."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from circuits.definition import Corner
from circuits.errors import CircuitError, Finding
from simulators.netlist.card import Card
from simulators.netlist.flatten import NO_TECHNOLOGY, Technology
from simulators.netlist.subckt import Subckt, subckts_of_lines
from simulators.pdk.cache import numeric_section
from simulators.pdk.errors import PdkError
from simulators.pdk.family import FAMILIES, Family, family_of
from simulators.pdk.registry import Pdk, find_pdk

Sections = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Libraries:
    """What a netlist asks of a PDK: its family, and sections of its library, the process first."""

    family: Family
    sections: Sections

    def in_corner(self, corner: Corner) -> Sections:
        """The sections that `corner` asks for."""
        return (corner.process or self.sections[0], *self.sections[1:])


def technologies(
    libraries: Sequence[Card], corners: Sequence[Corner]
) -> tuple[Libraries | None, dict[str, Technology]]:
    """(what the netlist asks of a PDK, what is known of each process, its own first).

    Args:
        libraries: the netlist's `.lib FILE SECTION` cards.
        corners: each may name a process, a section that replaces the netlist's first one.

    Raises:
        CircuitError: a library of nobody's, a PDK that is not installed, an unknown section.
    """
    wanted = list(dict.fromkeys(corner.process for corner in corners if corner.process))
    if not libraries:
        if wanted:
            problem = f"corners name the process {wanted[0]!r}, but no netlist has a .lib card"
            raise CircuitError(
                [Finding("circuit.yaml", None, problem, "Add a .lib card, or drop process")]
            )
        return None, {"": NO_TECHNOLOGY}
    asked = _named(libraries)
    known: dict[str, Technology] = {}
    for process in dict.fromkeys([asked.sections[0], *wanted]):
        try:
            known[process] = technology_of(find_pdk(asked.family), (process, *asked.sections[1:]))
        except PdkError as error:
            raise CircuitError([libraries[0].finding(str(error), "See docs/pdk.md")]) from error
    return asked, known


def _named(libraries: Sequence[Card]) -> Libraries:
    """The family and the sections that the cards ask for."""
    families: dict[str, Family] = {}
    sections: list[str] = []
    for card in libraries:
        words = [word.strip("'\"") for word in card.words]
        family = family_of(words[1].rpartition("/")[2]) if len(words) == 3 else None
        if family is None:
            names = ", ".join(sorted(name for one in FAMILIES for name in one.file_names))
            problem = f"{card.text!r} names no section of a known PDK's library"
            raise CircuitError([card.finding(problem, f"Write .lib FILE SECTION; known: {names}")])
        families[family.name] = family
        sections.append(words[2].lower())
    if len(families) > 1:
        problem = f"libraries of two PDKs: {', '.join(families)}"
        raise CircuitError([libraries[-1].finding(problem, "Use one")])
    return Libraries(next(iter(families.values())), tuple(sections))


@lru_cache(maxsize=64)
def technology_of(pdk: Pdk, sections: Sections) -> Technology:
    """A PDK's sections, read once in a process.

    Raises:
        PdkError: there is no such section, or the library cannot be read.
    """
    numeric = numeric_section(pdk, sections)
    place = f"{pdk.name} {' '.join(sections)}"
    models = {
        name: Card(place, number, text)
        for number, (name, text) in enumerate(numeric.models.items(), start=1)
    }
    return Technology(
        name=sections[0],
        subckts=_Lazy(numeric.subckts, place),
        models=models,
        scale=numeric.scale,
        per_finger=pdk.family.per_finger,
        unchecked=pdk.family.unchecked,
    )


class _Lazy(Mapping[str, Subckt]):
    """Subcircuits that are read when asked for: a circuit uses two of two hundred."""

    def __init__(self, lines: Mapping[str, Sequence[str]], place: str) -> None:
        self._lines = lines
        self._place = place
        self._read: dict[str, Subckt] = {}

    def __getitem__(self, name: str) -> Subckt:
        if name not in self._read:
            self._read[name] = subckts_of_lines(self._lines[name], self._place)[name]
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)
