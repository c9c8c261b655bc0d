"""Expressions over measures: `.meas ... param='...'` and `let` become metrics' expressions."""

from __future__ import annotations

import re
from collections.abc import Mapping

from circuits.importer.arithmetic import ArithmeticTextError, Node, read_arithmetic
from circuits.importer.netlist import Netlist
from circuits.importer.sheet import Card

_CURE = "Write it as a metric's `expression` in circuit.yaml"
_FUNCTIONS = {
    "abs": "abs", "min": "min", "max": "max", "sqrt": "sqrt", "exp": "exp", "log10": "log10",
    "log": "ln", "ln": "ln",
}  # fmt: skip
_WORD = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_DEPTH = 20
_LENGTH = 1000


def note_formula(netlist: Netlist, card: Card, name: str, text: str) -> None:
    """Keep an expression over measures by its name."""
    try:
        netlist.formulas[name] = _written(netlist, card, read_arithmetic(text))
    except ArithmeticTextError as error:
        netlist.refuse(card, f"measure {name!r}: {error}", _CURE)


def note_lets(netlist: Netlist) -> None:
    """Keep those `let` commands that are expressions over measures, others were for output."""
    cards = [card for card in netlist.cards if card.keyword in {".meas", ".measure"}]
    measures = {word.lower() for card in cards for word in card.text.split()[2:3]}
    measures |= {*netlist.formulas, "pi"}
    for name, text in netlist.lets.items():
        try:
            tree = read_arithmetic(text)
            if tree.names and tree.names <= measures:
                netlist.formulas.setdefault(name, _written(netlist, cards[0], tree))
                measures.add(name)
        except ArithmeticTextError:
            continue


def put_formulas(expression: str, formulas: Mapping[str, str]) -> str:
    """An expression with the formulas' names replaced by what they stand for.

    Returns:
        The expression; as far as it got where formulas stand for each other without end.
    """

    def written(match: re.Match[str]) -> str:
        formula = formulas.get(match[0].lower())
        return match[0] if formula is None else f"({formula})"

    for _ in range(_DEPTH if formulas and len(expression) <= _LENGTH else 0):
        replaced = _WORD.sub(written, expression)
        if replaced == expression or len(replaced) > _LENGTH:
            return replaced
        expression = replaced
    return expression


def _written(netlist: Netlist, card: Card, node: Node, depth: int = 0) -> str:
    """The tree as a metric's expression; the netlist's own constants as numbers.

    Raises:
        ArithmeticTextError: what a metric's expression does not know, or far too long.
    """
    inner = [_written(netlist, card, one, depth) for one in node.inner]
    if sum(map(len, inner)) > _LENGTH:
        raise ArithmeticTextError(f"longer than {_LENGTH} characters when written out")
    match node.kind, node.text:
        case "number", text:
            return text
        case "name", "pi":
            return "3.141592653589793"
        case "name", name:
            return _name(netlist, card, name, depth)
        case "call", "db":
            return f"(20 * log10(abs({inner[0]})))"
        case "call", "pow" | "pwr":
            return f"({inner[0]} ** {inner[1]})"
        case "call", name if name in _FUNCTIONS:
            return f"{_FUNCTIONS[name]}({', '.join(inner)})"
        case "sign", sign if sign in {"+", "-", "*", "/", "**"}:
            return f"({sign}{inner[0]})" if len(inner) == 1 else f"({inner[0]} {sign} {inner[1]})"
    raise ArithmeticTextError(f"{node.text!r} is not in a metric's arithmetic")


def _name(netlist: Netlist, card: Card, name: str, depth: int) -> str:
    """A name that metrics know as it is; a `.param` of the netlist as what it stands for."""
    if name in netlist.known_to_metrics or name not in netlist.constants:
        return name
    if depth > _DEPTH:
        raise ArithmeticTextError(f"{name!r} is defined by itself")
    netlist.frozen.setdefault(name, card)
    return _written(netlist, card, read_arithmetic(netlist.constants.text(name)), depth + 1)
