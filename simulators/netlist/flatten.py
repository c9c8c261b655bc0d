"""Flattens a netlist once, so that a design only fills in numbers.

Subcircuits are expanded under ngspice's own names (`m.xdut.mn1`, node `xdut.n1`), parameters are
evaluated, and of binned models only those are kept that a design's sizes need.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from circuits.errors import CircuitError
from simulators.netlist.card import Card
from simulators.netlist.element import Element, read_element
from simulators.netlist.flat import FlatNetlist, Line
from simulators.netlist.measure import is_measure, read_measure
from simulators.netlist.mismatch import SWITCH, MatchedMos, Matching
from simulators.netlist.models import ModelTable
from simulators.netlist.mos import BinnedMos
from simulators.netlist.numparam import ExpressionError, Formula, parse_formula
from simulators.netlist.parts import (
    TEMPERATURE,
    Parts,
    expression_parts,
    flat_name,
    number_piece,
    value_parts,
)
from simulators.netlist.passing import (
    GEOMETRY,
    assigned,
    bare,
    formulas,
    multiplied,
    overridden,
    scaled,
)
from simulators.netlist.scope import ParameterError, Scope, make_scope
from simulators.netlist.subckt import Subckt, read_subckts

_GROUND = frozenset({"0", "gnd", "gnd!"})
_SCALED = frozenset("mrc")
_BEHAVIOURAL = re.compile(r"(?<![\w.])[vi]\s*\(", re.IGNORECASE)
_KEPT_OUT = frozenset({".temp", ".end", ".save", ".global", ".param", ".lib"})


@dataclass(frozen=True, slots=True)
class Technology:
    """What flattening must know of a PDK's section, or of none.

    Attributes:
        name: of the section; put behind the names of its models.
        subckts: its subcircuits by name.
        models: its models outside of subcircuits, cards by name.
        scale: metres in the library's unit of length.
        per_finger: whether bins go by the width of one finger.
        unchecked: whether model parameters are taken as they are (ngspice's `ng_nomodcheck`).
    """

    name: str
    subckts: Mapping[str, Subckt]
    models: Mapping[str, Card]
    scale: float = 1.0
    per_finger: bool = False
    unchecked: bool = False


NO_TECHNOLOGY = Technology("", {}, {})


def flatten(
    cards: Sequence[Card],
    free: Iterable[str],
    technology: Technology = NO_TECHNOLOGY,
    matching: Mapping[str, Matching] | None = None,
) -> FlatNetlist:
    """The netlist, flat.

    Args:
        cards: of one testbench, checked against the allow-list, includes in their places.
        free: names whose values each design brings: variables, the circuit's parameters.
        technology: of the PDK that the netlist uses.
        matching: mismatch of MOS models by name, for netlists without a PDK.

    Raises:
        CircuitError: a card that cannot be flattened, with its place.
    """
    return _Flattener(cards, frozenset(free), technology, matching or {}).run()


class _Flattener:
    def __init__(
        self,
        cards: Sequence[Card],
        free: frozenset[str],
        technology: Technology,
        matching: Mapping[str, Matching],
    ) -> None:
        own = read_subckts(cards)
        self._top = own.pop("")
        self._own, self._foreign = own, technology.subckts
        self._globals = _GROUND | {
            word.lower() for card in cards if card.keyword == ".global" for word in card.words[1:]
        }
        self._free = free | {SWITCH, TEMPERATURE}
        self._technology = technology
        self._matching = matching
        self._models = ModelTable(technology.models, technology.name)
        self._scopes: list[Scope] = []
        self._lines: list[Line] = []
        self._devices: list[tuple[str, str]] = []
        self._caller: Card | None = None

    def run(self) -> FlatNetlist:
        given = [(n, t) for n, t in self._top.params if n not in self._free]
        with _Placed(self._top.cards[:1], self._top.places):
            scope = make_scope("", -1, None, formulas(given), self._free)
        self._scopes.append(scope)
        self._models.enter(self._top, scope, 0)
        self._body(self._top, 0, {})
        flat = FlatNetlist(
            scopes=tuple(self._scopes),
            lines=(*self._lines, *self._models.lines()),
            cards=self._models.cards(),
            devices=tuple(self._devices),
        )
        self._check_sweep(flat)
        return flat

    def _check_sweep(self, flat: FlatNetlist) -> None:
        """A sweep of the temperature does not reach what we have made a number of it."""
        sweeps = [card for card in self._top.cards if card.keyword == ".dc"]
        swept = [card for card in sweeps if "temp" in card.text.lower().split()]
        if swept and flat.refers_to(TEMPERATURE):
            problem = ".dc temp: the netlist has parameters that hang on `temper`"
            raise _error(swept[0], problem, "Use corners of different temperature")

    def _body(self, body: Subckt, index: int, nodes: Mapping[str, str]) -> None:
        scope = self._scopes[index]

        def node(name: str) -> str:
            if name in self._globals or not scope.path:
                return name
            return nodes.get(name) or scope.path + name

        for card in body.cards:
            with _Placed([card]):
                if card.keyword.startswith("."):
                    self._dot(card, index, node)
                elif card.keyword[0] == "x":
                    self._instance(card, index, node)
                else:
                    self._element(card, body, index, node)

    def _dot(self, card: Card, index: int, node: Callable[[str], str]) -> None:
        if card.keyword in _KEPT_OUT:
            return
        scope = self._scopes[index]
        if is_measure(card):
            self._add(value_parts(f".{read_measure(card).command}", scope), index, card)
        elif card.keyword in {".ic", ".nodeset"}:
            text = re.sub(
                r"\bv\s*\(\s*([^()\s]+)\s*\)",
                lambda match: f"v({node(match[1].lower())})",
                card.text,
                flags=re.IGNORECASE,
            )
            self._add(value_parts(text, scope), index, card)
        else:
            self._add(value_parts(card.text, scope), index, card)

    def _instance(self, card: Card, index: int, node: Callable[[str], str]) -> None:
        element = read_element(card, ())
        body = self._subckt(element.model) if element is not None else None
        if element is None or body is None or len(element.nodes) != len(body.ports):
            wanted = "" if body is None else f": it has {len(body.ports)} ports"
            raise _error(card, f"{card.keyword} does not fit its subcircuit{wanted}", "Mend it")
        around = self._scopes[index]
        path = f"{around.path}{element.name}."
        passed = assigned(element.rest)
        own = {} if body.foreign else body.places
        # What the instance gives is wrong on its own card, the rest where it is defined.
        with _Placed([card], {name: own[name] for name in own if name not in dict(passed)}):
            given = overridden(body, passed, around)
            scope = make_scope(path, index, around, given)
        _check_multiplier(card, passed)
        scope.multiplied = "m" not in body.names and any(name == "m" for name, _, _ in given)
        self._scopes.append(scope)
        inner = len(self._scopes) - 1
        self._models.enter(body, self._scopes[inner], inner)
        ports = {port: node(outer) for port, outer in zip(body.ports, element.nodes, strict=True)}
        outer_caller = self._caller
        if body.foreign and outer_caller is None:
            self._caller = card  # a PDK's own cards say nothing to a user
        self._body(body, inner, ports)
        self._caller = outer_caller
        self._models.leave()

    def _element(self, card: Card, body: Subckt, index: int, node: Callable[[str], str]) -> None:
        element = read_element(card, self._models)
        if element is None:
            raise _error(card, f"{card.text[:60]!r} cannot be read", "Write it as a B source")
        scope = self._scopes[index]
        nodes = " ".join(node(name) for name in element.nodes)
        sources = "".join(f" {flat_name(name, scope.path)}" for name in element.sources)
        path, name = _named(element, body, scope)
        head = f"{name} {nodes}{sources}".rstrip()
        if element.letter == "m":
            self._devices.append((path, name))
        if element.letter == "m" and self._models.bins(element.model):
            self._binned(element, head, index)
            return
        rest = self._rest(element, scope, node)
        _check_multiplier(card, assigned(element.rest))
        model = f" {self._models.name(element.model)}" if element.model else ""
        parts = Parts((f"{head}{model} ", *rest.pieces))
        if element.model in self._matching and element.letter == "m":
            self._matched(element, parts, index)
        else:
            self._add(parts, index, card)

    def _rest(self, element: Element, scope: Scope, node: Callable[[str], str]) -> Parts:
        text = element.rest
        if element.letter in _SCALED and self._technology.scale != 1.0:
            text = scaled(text, self._technology.scale)
        text = multiplied(text, element.card.keyword[0], scope)
        if element.letter == "b" or _BEHAVIOURAL.search(text):
            return expression_parts(text, scope, node)
        return value_parts(text, scope)

    def _subckt(self, name: str) -> Subckt | None:
        return self._own.get(name) or self._foreign.get(name)

    def _binned(self, element: Element, head: str, index: int) -> None:
        scope = self._scopes[index]
        values = {
            name: number_piece(text, scope)
            for name, text in assigned(multiplied(element.rest, "m", scope))
        }
        scale = self._technology.scale
        factors = {n: scale**p for n, p in GEOMETRY.items()} if scale != 1.0 else {}
        group = element.model
        mos = BinnedMos(
            head, group, self._models.bins(group), values, factors, self._technology.per_finger
        )
        self._lines.append(Line(index, mos, self._caller or element.card))

    def _matched(self, element: Element, parts: Parts, index: int) -> None:
        match = self._matching[element.model]
        scope = self._scopes[index]
        sizes = dict(assigned(multiplied(element.rest, "m", scope)))
        area = f"sqrt(({sizes.get('w', 1)})*({sizes.get('l', 1)})*({sizes.get('m', 1)}))"
        shift = number_piece(f"{match.avt!r}/{bare(area)}*agauss(0,1,1)", scope)
        factor = number_piece(f"1+{match.abeta!r}/{bare(area)}*agauss(0,1,1)", scope)
        assert isinstance(shift, Formula)
        assert isinstance(factor, Formula)
        self._lines.append(Line(index, MatchedMos(parts, shift, factor), element.card))

    def _add(self, parts: Parts, index: int, card: Card) -> None:
        self._lines.append(Line(index, parts, self._caller or card))


def _named(element: Element, body: Subckt, scope: Scope) -> tuple[str, str]:
    """(path for people, name in ngspice); the one device of a PDK's cell has its cell's path."""
    in_cell = body.foreign and element.letter == "m" and scope.path
    if in_cell and sum(card.keyword[0] == "m" for card in body.cards) == 1:
        return scope.path[:-1], f"m.{scope.path[:-1]}"
    return scope.path + element.name, flat_name(element.name, scope.path)


def _check_multiplier(card: Card, given: Sequence[tuple[str, str]]) -> None:
    """No copies, or fewer than none, as far as no design changes it: ngspice does not converge."""
    for text in (text for name, text in given if name == "m"):
        formula = parse_formula(text)
        if not formula.names and not formula.random and formula.value({}) <= 0:
            raise _error(card, f"m={formula.text}: {formula.value({}):g} copies", "Give m above 0")


def _error(card: Card, problem: str, cure: str) -> CircuitError:
    return CircuitError([card.finding(problem, cure)])


class _Placed:
    """Gives an expression's error the place of the card that it stands on."""

    def __init__(self, cards: Sequence[Card], places: Mapping[str, Card] | None = None) -> None:
        self._cards = cards
        self._places = places or {}

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ParameterError) and error.name in self._places:
            raise _error(self._places[error.name], str(error), "Mend the expression") from error
        if isinstance(error, ExpressionError) and self._cards:
            raise _error(self._cards[0], str(error), "Mend the expression") from error
