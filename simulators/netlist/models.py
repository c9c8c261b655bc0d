"""Model cards of a flat netlist: under which name each is known where, and which are bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from circuits.errors import CircuitError
from simulators.netlist.assignments import split_assignments
from simulators.netlist.card import Card
from simulators.netlist.flat import REFERENCE, Line
from simulators.netlist.mismatch import SWITCH
from simulators.netlist.mos import Bin
from simulators.netlist.numparam import ExpressionError, Formula, parse_formula
from simulators.netlist.parts import Parts, value_parts
from simulators.netlist.scope import Scope
from simulators.netlist.subckt import Subckt, grouped_models

_TRIALS = (1.0, 2.0, 3e-7, 37.0)
"""Sizes at which a bin's random expressions are compared: they may hang on the device."""
_EDGES = ("lmin", "lmax", "wmin", "wmax")


class ModelTable:
    """The models that an element may refer to, from the inside out.

    Args:
        outside: cards of a PDK's models outside of subcircuits, by name.
        section: name of the PDK's section: a device's models differ from one to the other.
    """

    def __init__(self, outside: Mapping[str, Card], section: str) -> None:
        self._section = f"_{section}" if section else ""
        self._names: list[dict[str, str]] = [{}]
        self._bins: list[dict[str, Sequence[Bin]]] = [{}]
        self._cards: dict[str, str] = {}
        self._lines: list[Line] = []
        self._known_bins: dict[str, dict[str, Sequence[Bin]]] = {}
        self._known_outside: dict[str, Sequence[Bin]] = {}
        self._outside = outside
        self._outside_groups = grouped_models(outside)
        self._used: set[str] = set()

    def __contains__(self, name: object) -> bool:
        return (
            any(name in level for level in self._names)
            or any(name in level for level in self._bins)
            or name in self._outside
            or name in self._outside_groups
        )

    def enter(self, body: Subckt, scope: Scope, index: int) -> None:
        """Models of the instance that `scope` belongs to come into sight."""
        grouped = body.groups()
        binned = {card.text for cards in grouped.values() for card in cards}
        if body.name not in self._known_bins:
            only = body.name if len(grouped) == 1 else ""
            self._known_bins[body.name] = {
                group: [self._bin(only or f"{group}:{body.name}", card, scope) for card in cards]
                for group, cards in grouped.items()
            }
        self._bins.append(self._known_bins[body.name])
        names: dict[str, str] = {}
        for name, card in body.models.items():
            if card.text not in binned:
                try:
                    names[name] = self._plain(body.name, name, card, scope, index)
                except ExpressionError as error:
                    finding = card.finding(str(error), "Mend the model card")
                    raise CircuitError([finding]) from error
        self._names.append(names)

    def leave(self) -> None:
        """The last instance's models go out of sight."""
        self._names.pop()
        self._bins.pop()

    def name(self, model: str) -> str:
        """The model's name in the deck."""
        for level in reversed(self._names):
            if model in level:
                return level[model]
        card = self._outside[model]
        if model not in self._used:
            self._used.add(model)
            self._lines.append(Line(0, Parts((card.text,)), card))
        return model

    def bins(self, model: str) -> Sequence[Bin]:
        """The bins of a group; none for an ordinary model."""
        for names, bins in zip(reversed(self._names), reversed(self._bins), strict=True):
            if model in bins:
                return bins[model]
            if model in names:
                return ()
        if model in self._outside_groups and model not in self._known_outside:
            cards = self._outside_groups[model]
            self._known_outside[model] = [self._bin(f"{model}:pdk", card, None) for card in cards]
        return self._known_outside.get(model, ())

    def lines(self) -> list[Line]:
        """Lines of the models that are always there."""
        return self._lines

    def cards(self) -> dict[str, str]:
        """Cards that lines refer to."""
        return self._cards

    def _plain(self, body: str, name: str, card: Card, scope: Scope, index: int) -> str:
        """Puts an ordinary model into the deck: once, unless it hangs on the instance."""
        words = card.text.split(None, 2)
        parts = value_parts(words[2], scope)
        if not parts.static:
            own = f"{scope.path}{name}".replace(".", ":")
            self._lines.append(Line(index, Parts((f".model {own} ", *parts.pieces)), card))
            return own
        shared = f"{body}:{name}{self._section}" if body else name
        text = f".model {shared} {parts.text({}, lambda: 0.0)}"
        if self._cards.get(shared, text) != text:
            shared = f"{scope.path}{name}".replace(".", ":") + self._section
            text = f".model {shared} {parts.text({}, lambda: 0.0)}"
        if shared not in self._cards:
            self._cards[shared] = text
            self._lines.append(Line(0, Parts((REFERENCE + shared,)), card))
        return shared

    def _bin(self, stem: str, card: Card, scope: Scope | None) -> Bin:
        """A bin, and its card for all devices whose model does not hang on the device.

        Args:
            stem: what its name in the deck begins with, unlike that of any other group.
            card: its card.
            scope: of an instance in which it stands; None for a converted card of a PDK.
        """
        head, given = split_assignments(_unbracketed(card.text))
        words = head.split()
        known = None if scope is None else {*scope.known, *scope.open}
        edges = _edges(card, given)
        name = f"{stem}_{words[1].rpartition('.')[2]}{self._section}"
        kept, drawn, nominal = [words[2]], [], []
        own = False
        for key, value in given:
            if key in _EDGES:
                continue
            formula = _formula(card, value, known)
            if formula is None:
                kept.append(f"{key}={value}")
                continue
            drawn.append((key, formula))
            value_ = _nominal(formula)
            nominal.append(f"{key}={value_!r}")
            own = own or value_ is None
        text = " ".join(kept)
        self._cards[name] = " ".join([f".model {name} {text}", *nominal])
        sizes = edges["lmin"], edges["lmax"], edges["wmin"], edges["wmax"]
        return Bin(name, *sizes, card=text, drawn=tuple(drawn), own=own)


def _unbracketed(text: str) -> str:
    """The card without the brackets that may stand around all its parameters."""
    head, sign, rest = text.partition("(")
    return f"{head} {rest.rstrip().removesuffix(')')}" if sign and "=" not in head else text


def _formula(card: Card, value: str, known: set[str] | None) -> Formula | None:
    """The expression on a bin's card; None where a number or a plain word stands.

    Raises:
        CircuitError: it cannot be read, or has a name of no value.
    """
    if value[:1] not in ("{", "'", '"') and (known is None or value.lower() not in known):
        return None
    try:
        formula = parse_formula(value)
    except ExpressionError as error:
        raise CircuitError([card.finding(str(error), "Mend the model card")]) from error
    if known is not None and (missing := sorted(formula.names - known)):
        problem = f"{formula.text!r}: {missing[0]!r} has no value"
        raise CircuitError([card.finding(problem, "Give it one with .param")])
    return formula


def _nominal(formula: Formula) -> float | None:
    """The value without mismatch, if it is the same for all instances; else None.

    A PDK writes `nominal + switch*agauss(...)*f(w, l)`: what is multiplied by the switch does not
    count. All other names of an instance do, so that only such sums are tried.
    """
    names = sorted(formula.names - {SWITCH})
    if names and not formula.random:
        return None
    found = set()
    for trial in _TRIALS:
        sizes = {name: trial * (1 + 0.37 * place) for place, name in enumerate(names)}
        try:
            found.add(formula.value({**sizes, SWITCH: 0.0}))
        except ExpressionError:
            return None
    return found.pop() if len(found) == 1 else None


def _edges(card: Card, given: Sequence[tuple[str, str]]) -> dict[str, float]:
    """For which sizes the bin on `card` is.

    Raises:
        CircuitError: it does not say so, or not in numbers.
    """
    try:
        found = {name: parse_formula(value).value({}) for name, value in given if name in _EDGES}
    except ExpressionError as error:
        raise CircuitError([card.finding(str(error), "Give its edges as numbers")]) from error
    if missing := [name for name in _EDGES if name not in found]:
        problem = f"a model with a number behind its name is a bin, and this has no {missing[0]}"
        raise CircuitError([card.finding(problem, "Give it, or call the model something else")])
    return found
