"""A flat netlist: lines that are ready, and lines that wait for a design's numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from simulators.netlist.card import Card
from simulators.netlist.mismatch import MatchedMos, draws
from simulators.netlist.mos import BinnedMos
from simulators.netlist.numparam import Formula
from simulators.netlist.parts import Parts
from simulators.netlist.scope import Scope

REFERENCE = "@"
"""Begins a line that stands for a model card: `@nch` for the card of nch."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the deck: in which scope it is evaluated, what it is, where it comes from."""

    scope: int
    content: Parts | BinnedMos | MatchedMos
    card: Card


@dataclass(frozen=True, slots=True)
class FlatNetlist:
    """A flattened testbench.

    Attributes:
        scopes: parents before children.
        lines: in order.
        cards: texts of the model cards that lines refer to, by name.
        devices: (path, name in ngspice) of the MOS devices: (`xdut.mn1`, `m.xdut.mn1`).
    """

    scopes: tuple[Scope, ...]
    lines: tuple[Line, ...]
    cards: dict[str, str]
    devices: tuple[tuple[str, str], ...]

    def refers_to(self, name: str) -> bool:
        """Whether a parameter, a line or a device's size hangs directly on the free name."""
        formulas = [formula for scope in self.scopes for _, formula, _ in scope.steps]
        for line in self.lines:
            found: Iterable[object] = ()
            if isinstance(line.content, Parts):
                found = line.content.pieces
            elif isinstance(line.content, BinnedMos):
                found = line.content.values.values()
            formulas += [one for one in found if isinstance(one, Formula)]
        return any(name in formula.names for formula in formulas)

    def render(self, values: Mapping[str, float], sample: int) -> list[str]:
        """The deck's lines for one design, model cards as references.

        Args:
            values: every free name, SI units.
            sample: seed of the mismatch draws; 0 for none.

        Raises:
            ExpressionError: an expression without a value, or a size outside of all models.
        """
        environments = self._environments(values, sample)
        found: list[str] = []
        models: dict[str, None] = {}
        for line in self.lines:
            environment = environments[line.scope]
            content = line.content
            if isinstance(content, BinnedMos):
                device = content.head.split(None, 1)[0]  # its nodes may have other names elsewhere
                draw = draws(sample, device)
                texts, model = content.lines(environment, draw, sample != 0)
                models |= {model: None} if model else {}
                found += texts
                continue
            if isinstance(content, MatchedMos):
                device = self.scopes[line.scope].path + line.card.keyword
                text = content.text(environment, draws(sample, device), sample != 0)
            else:
                text = content.text(environment, draws(sample, ""))
            found.append(text)
        return [*found, *(REFERENCE + model for model in models)]

    def binned(self, values: Mapping[str, float]) -> Iterator[tuple[BinnedMos, float, float]]:
        """(device, its length, its width that chooses the bin) of a nominal design, m.

        Raises:
            ExpressionError: an expression without a value.
        """
        environments = self._environments(values, 0)
        for line in self.lines:
            if isinstance(line.content, BinnedMos):
                yield line.content, *line.content.size(environments[line.scope])

    def _environments(self, values: Mapping[str, float], sample: int) -> list[Mapping[str, float]]:
        found: list[Mapping[str, float]] = []
        for scope in self.scopes:
            around = found[scope.parent] if scope.parent >= 0 else values
            found.append(scope.environment(around, draws(sample, scope.path)))
        return found
