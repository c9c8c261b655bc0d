"""Makes a section's subcircuits numeric: all that does not hang on an instance becomes a number.

What stays symbolic are the instance's own parameters (`w`, `l`, `nf`, ...) and the switch and the
draws of the mismatch statistics, so that one conversion serves nominal and Monte Carlo runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from simulators.netlist.assignments import split_assignments
from simulators.netlist.card import Card
from simulators.netlist.mismatch import SWITCH
from simulators.netlist.numparam import ExpressionError, Formula, parse_formula
from simulators.netlist.parts import BRACED

CONVERSION = 3
"""Version of what `convert` makes: cached conversions of another one are not used."""
SILENT_ZEROS = frozenset(
    """
    a1 b0 b1 cdscb cdscd cit dmcg dmcgt dmdg dvtp0 dvtp1 dwb dwg fprout kf kt1l lku0 lkvth0 ll
    llodku0 llodvth lw lwl minv pdits pditsd pditsl phin pku0 pkvth0 prt prwb pvag rdswmin rdwmin
    rswmin steta0 stk2 tcj tcjsw tcjswg tku0 tpb tpbsw tpbswg tvfbsdoff tvoff vfbsdoff wku0 wkvth0
    wl wlod ww wwl xgl xgw xl xpart xw
    """.split()
)
"""BSIM4 parameters that are 0 unless given, whatever else is (BSIM4.5 manual, appendix A): a zero
is not written, since ngspice looks each parameter of a card up in a table of a thousand."""
_BARE = re.compile(r"(?<=\s)([A-Za-z]\w*\s*=\s*)([A-Za-z_]\w*)(?=\s|$)")
"""A parameter's name for a value: `w=gw`."""
_WORD = re.compile(r"(?<![\w.])[A-Za-z_][\w.]*(?!\s*\()")
_MOS = frozenset({"nmos", "pmos"})


@dataclass(frozen=True, slots=True)
class NumericSection:
    """A converted section.

    Attributes:
        subckts: lines of each subcircuit by lower-case name, `.subckt` to `.ends`.
        models: lines of the models outside of all subcircuits by lower-case name.
        scale: metres in the library's unit of length.
    """

    subckts: dict[str, list[str]]
    models: dict[str, str] = field(default_factory=dict)
    scale: float = 1.0


def convert(
    cards: Sequence[Card], switch: str, overrides: Mapping[str, float] | None = None
) -> NumericSection:
    """The section's cards as numeric ones.

    Args:
        cards: as `SectionReader` gives them.
        switch: the section's own name for what turns mismatch on; empty if it has none.
        overrides: values of global parameters, whatever the library gives them.
    """
    tops, bodies, models = _sorted(cards)
    numbers = _Globals(tops, switch, overrides or {})
    subckts: dict[str, list[str]] = {}
    for name, body in bodies.items():
        subckts[name] = _Subckt(body, numbers).lines()
    plain = {name: " ".join(_model(card, numbers, frozenset())) for name, card in models.items()}
    return NumericSection(subckts, plain, _scale(cards))


def _scale(cards: Sequence[Card]) -> float:
    """Metres in the unit of length that `.option scale=` sets; 1 without one."""
    for card in cards:
        if card.keyword in {".option", ".options"}:
            for name, value in split_assignments(card.text)[1]:
                if name == "scale":
                    return parse_formula(value).value({})
    return 1.0


def _sorted(
    cards: Iterable[Card],
) -> tuple[list[Card], dict[str, list[Card]], dict[str, Card]]:
    """Global `.param` cards, cards of each subcircuit, global models."""
    tops: list[Card] = []
    bodies: dict[str, list[Card]] = {}
    models: dict[str, Card] = {}
    body: list[Card] | None = None
    for card in cards:
        if card.keyword == ".subckt":
            body = bodies.setdefault(card.text.split()[1].lower(), [])
        if body is not None:
            body.append(card)
        elif card.keyword == ".param":
            tops.append(card)
        elif card.keyword == ".model":
            models[card.text.split()[1].lower()] = card
        if card.keyword == ".ends":
            body = None
    return tops, bodies, models


class _Globals:
    """Values of the section's global parameters, each worked out when it is asked for."""

    def __init__(self, cards: Iterable[Card], switch: str, overrides: Mapping[str, float]) -> None:
        self._texts = {
            name: value
            for card in cards
            for name, value in split_assignments(card.text[len(".param") :])[1]
        }
        self._switch = switch.lower()
        self._values: dict[str, float | None] = dict(overrides)

    def value(self, name: str) -> float | None:
        """The number, or None when there is none: unknown, a switch, or in a circle."""
        if name not in self._values:
            self._values[name] = None  # what refers to itself has no value
            self._values[name] = self._worked_out(name)
        return self._values[name]

    def put_in(self, text: str, own: frozenset[str]) -> str:
        """The expression with numbers for all names but an instance's `own` and the switch."""

        def number(match: re.Match[str]) -> str:
            word = match[0].lower()
            if word in own:
                return word
            if word == self._switch:
                return SWITCH
            value = self.value(word)
            return match[0] if value is None else f"({value!r})"

        return _WORD.sub(number, _flat(text))

    def folded(self, text: str, own: frozenset[str]) -> str:
        """A plain number where the expression is one, else the expression in braces."""
        known = self.put_in(text, own)
        try:
            formula = parse_formula(known)
        except ExpressionError:
            return "{" + known + "}"  # of node voltages: the simulator's to evaluate
        number = _constant(formula)
        return "{" + known + "}" if number is None else number

    def _worked_out(self, name: str) -> float | None:
        text = self._texts.get(name)
        if text is None or name == self._switch:
            return None
        try:
            formula = parse_formula(_flat(text))
            found = {word: self.value(word) for word in formula.names}
            return formula.value({word: v for word, v in found.items() if v is not None})
        except ExpressionError:
            return None


def _flat(text: str) -> str:
    """Braces and quotes as brackets: libraries have them amid expressions."""
    bare = text.strip()
    if bare[:1] in "'\"" and bare[-1:] == bare[:1]:
        bare = bare[1:-1]
    return bare.replace("{", "(").replace("}", ")")


def _constant(formula: Formula) -> str | None:
    if formula.names or formula.random:
        return None
    try:
        return repr(float(formula.text))  # as written: no rounding but the reader's own
    except ValueError:
        try:
            return repr(formula.value({}))
        except ExpressionError:
            return None


class _Subckt:
    """One subcircuit on its way to numbers."""

    def __init__(self, body: Sequence[Card], numbers: _Globals) -> None:
        self._body = body
        self._numbers = numbers
        self._own = frozenset(_own_names(body))
        self._sheet = self._sheet_resistance()

    def lines(self) -> list[str]:
        return [line for card in self._body for line in self._line(card)]

    def _line(self, card: Card) -> Iterator[str]:
        word = card.keyword
        if word == ".model":
            yield " ".join(_model(card, self._numbers, self._own, rsh=self._sheet))
        elif word == ".param":
            given = split_assignments(card.text[len(word) :])[1]
            yield from (f".param {n}={self._numbers.folded(v, self._own)}" for n, v in given)
        elif word == ".subckt":
            yield self._header(card)
        elif word[0] == "m" and self._sheet:
            yield self._with_squares(card)
        elif not word.startswith(".option"):
            text = BRACED.sub(lambda m: self._numbers.folded(m[0], self._own), card.text)
            yield _BARE.sub(lambda m: m[1] + self._numbers.folded(m[2], self._own), text)

    def _header(self, card: Card) -> str:
        head, given = split_assignments(card.text)
        defaults = (f"{name}={self._numbers.folded(value, self._own)}" for name, value in given)
        return " ".join([head, *defaults])

    def _sheet_resistance(self) -> str:
        """The sheet resistance of MOS models where it hangs on the instance, else nothing.

        A model must not differ from device to device, or each would need its own card of hundreds
        of parameters. BSIM4 uses rsh as rsh*nrd and rsh*nrs only, so it moves to the instance.
        """
        found = set()
        for card in self._body:
            if card.keyword == ".model" and card.words[2].lower() in _MOS:
                for name, value in split_assignments(card.text)[1]:
                    if name == "rsh" and "{" in (text := self._numbers.folded(value, self._own)):
                        found.add(text)
        return found.pop() if len(found) == 1 else ""

    def _with_squares(self, card: Card) -> str:
        head, given = split_assignments(card.text)
        parts = []
        for name, value in given:
            text = self._numbers.folded(value, self._own)
            if name in {"nrd", "nrs"}:
                text = "{(" + text.strip("{}") + ")*(" + self._sheet.strip("{}") + ")}"
            parts.append(f"{name}={text}")
        return " ".join([head, *parts])


def _own_names(body: Sequence[Card]) -> Iterator[str]:
    for card in body:
        if card.keyword in {".subckt", ".param"}:
            yield from (name for name, _ in split_assignments(card.text)[1])


def _model(card: Card, numbers: _Globals, own: frozenset[str], rsh: str = "") -> Iterator[str]:
    """The words of a numeric model card."""
    head, given = split_assignments(
        card.text.replace("(", " ", 1) if "(" in _head(card) else card.text
    )
    head = head.rstrip("( ").lower()
    yield head
    silent = SILENT_ZEROS if head.split()[-1] in _MOS and _is_bsim4(given) else frozenset()
    for name, value in given:
        text = numbers.folded(value, own)
        if not (name in silent and text in {"0.0", "-0.0"}):
            yield f"{name}={1.0 if rsh and name == 'rsh' else text}"


def _is_bsim4(given: Sequence[tuple[str, str]]) -> bool:
    return dict(given).get("level", "").strip("{}'\" ") in {"14", "54", "14.0", "54.0"}


def _head(card: Card) -> str:
    return card.text.split("=", 1)[0]
