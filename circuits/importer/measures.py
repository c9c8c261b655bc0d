"""Measures: HSPICE's and plain ngspice's forms become those that we take over vectors."""

from __future__ import annotations

import math
import re

from circuits.importer.arithmetic import ArithmeticTextError, read_number
from circuits.importer.formulas import note_formula
from circuits.importer.netlist import Netlist
from circuits.importer.sheet import Card
from circuits.importer.signals import Probes, Signal, SignalError

_CARD = re.compile(
    r"\.meas(?:ure)?\s+(?P<analysis>\w+)\s+(?P<name>[a-z_]\w*)\s+(?P<what>.+)$", re.IGNORECASE
)
_PARAM = re.compile(r"param\s*=\s*(.+)$", re.IGNORECASE)
_WORD = re.compile(r"(?:'[^']*'|\"[^\"]*\"|\((?:[^()'\"]|'[^']*'|\([^()]*\))*\)|[^\s'\"(])+")
_LENGTH = 2000
_RENAMED = {"integral": "integ", "derivative": "deriv", "average": "avg"}
_PLAIN = frozenset("find when trig targ max min min_at max_at pp avg rms integ deriv at".split())
_DROPPED = frozenset("goal minval weight print ytol".split())
_TO_RADIANS = math.pi / 180
_CONSTANT_CURE = "Give it a number, or name what it depends on in `parameters` of circuit.yaml"


def rewrite_measures(netlist: Netlist) -> None:
    """Rewrite each `.meas` card; expressions over measures become formulas of metrics."""
    for card in netlist.cards:
        if card.keyword not in {".meas", ".measure"}:
            continue
        match = _CARD.match(card.text)
        if match is None or match["analysis"].lower() not in {"ac", "dc", "tran"}:
            _refuse_form(netlist, card, match)
        elif len(card.text) > _LENGTH:
            netlist.refuse(card, f"a measure of over {_LENGTH} characters", "Split it")
        elif param := _PARAM.match(match["what"]):
            note_formula(netlist, card, match["name"].lower(), param[1])
            card.strip()
        else:
            _rewrite(netlist, card, match["analysis"].lower(), match["name"], match["what"])


def _refuse_form(netlist: Netlist, card: Card, match: re.Match[str] | None) -> None:
    if match is not None and match["analysis"].lower() in {"noise", "sp", "pz", "lin", "hb"}:
        netlist.refuse(
            card,
            f"a measure of a {match['analysis'].lower()} analysis",
            "Analyses are op, ac, dc and tran",
        )
    # What is left is refused with the form that a measure has, when decks are built.


def _rewrite(netlist: Netlist, card: Card, analysis: str, name: str, what: str) -> None:
    try:
        words, degrees = _Rewriting(netlist, card, analysis).words(what)
    except SignalError as error:
        netlist.refuse(card, f"measure {name}: {error}", error.cure)
        card.strip()
        return
    old = f".meas {analysis} {name} {' '.join(_WORD.findall(_tight(what)))}"
    name = name.lower()
    if degrees:
        netlist.formulas[name] = f"{name}_rad * {1 / _TO_RADIANS!r}"
        name = f"{name}_rad"
    new = f".meas {analysis} {name} {' '.join(words)}"
    if new.lower() != old.lower():
        card.rewrite(new)


def _tight(text: str) -> str:
    """The text without blanks around `=` and before brackets, braces as quotes."""
    text = re.sub(r" ?= ?", "=", " ".join(text.split()))
    text = re.sub(r"\{([^{}']*)\}", r"'\1'", text)
    return re.sub(r"\b(par|v[mpridb]{0,2}|i[mpridb]{0,2}) \(", r"\1(", text, flags=re.IGNORECASE)


class _Rewriting:
    """One measure's words, one after the other."""

    def __init__(self, netlist: Netlist, card: Card, analysis: str) -> None:
        self._netlist = netlist
        self._card = card
        self._analysis = analysis
        self._probes = Probes(netlist, card, analysis)
        self._words: list[str] = []
        self._sought = -1
        """Place of the last vector that a `val=` belongs to."""
        self._signal = Signal("")
        self._degrees = False
        self._result = True
        """Whether the next vector's value is the measure's: behind find, max, avg, not when."""

    def words(self, what: str) -> tuple[list[str], bool]:
        """The new words, and whether the measure's value is in degrees for the user.

        Raises:
            SignalError: a vector or a value that cannot be had.
        """
        for word in _WORD.findall(_tight(what)):
            key, sign, value = _assignment(word)
            lowered = word.lower()
            if not sign and lowered in _RENAMED:
                self._words.append(_RENAMED[lowered])
            elif not sign and lowered in _PLAIN:
                self._result = lowered not in {"when", "trig", "targ"}
                self._words.append(word)
            elif not sign:
                self._vector(word)
            elif key.lower() in _DROPPED and self._netlist.hspice:
                continue
            elif key.lower() == "val":
                self._threshold(value)
            elif "(" in key or "'" in key:
                self._equals(key, value)
            else:
                self._words.append(f"{key}={self._number(key, value)}")
        return self._words, self._degrees

    def _vector(self, word: str) -> None:
        self._signal = self._probes.signal(word)
        if self._signal.degrees and self._result:
            self._degrees = True
        self._sought = len(self._words)
        self._words.append(self._signal.text)

    def _equals(self, left: str, right: str) -> None:
        """`when v(a)=1`: as a vector and a threshold."""
        self._vector(left)
        if read_number(right) is None and re.match(r"(par\s*)?\(|[vi]\w*\(", right, re.IGNORECASE):
            other = self._probes.signal(right)
            self._words[-1] += f"={other.text}"
        else:
            self._threshold(right, joined=True)

    def _threshold(self, value: str, *, joined: bool = False) -> None:
        text = self._level(value)
        if joined:
            self._words[self._sought] += f"={text}"
        else:
            self._words.append(f"val={text}")

    def _level(self, value: str) -> str:
        """The threshold; with one that depends on the design, the vector becomes a difference."""
        if self._signal.degrees:
            return repr(_TO_RADIANS * self._constant("val", value))
        if read_number(value) is not None:
            return value
        if self._analysis == "ac":
            return repr(self._constant("val", value))
        inner = value.strip("'\"{}")
        shifted = self._probes.expression(f"{self._signal.text}-({inner})")
        self._words[self._sought] = shifted.text
        return "0"

    def _number(self, key: str, value: str) -> str:
        if read_number(value) is not None or value.lower() == "last":
            return value
        number = self._constant(key, value)
        whole = key.lower() in {"rise", "fall", "cross"} and number.is_integer()
        return str(int(number)) if whole else repr(number)

    def _constant(self, key: str, value: str) -> float:
        try:
            return self._netlist.constant(self._card, value)
        except ArithmeticTextError as error:
            raise SignalError(f"{key}={value}: {error}", _CONSTANT_CURE) from error


def _assignment(word: str) -> tuple[str, str, str]:
    """Name, `=` and value; an `=` within quotes or brackets is none."""
    masked = re.sub(r"'[^']*'|\"[^\"]*\"", lambda match: "~" * len(match[0]), word)
    place = masked.find("=")
    return (word, "", "") if place < 0 else (word[:place], "=", word[place + 1 :])
