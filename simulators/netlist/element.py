"""Element cards split into what flattening must know: name, nodes, model, and the rest."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from dataclasses import dataclass

from simulators.netlist.card import Card
from simulators.netlist.poly import polynomial

_PAIR = frozenset("vibfh")
_PASSIVE = frozenset("rcl")
_MODELLED = {"d": 2, "q": 3, "j": 3, "m": 4}
_EXPRESSION = re.compile(r"\b(poly|value|vol|cur|table|laplace|freq)\b", re.IGNORECASE)
_POLY = re.compile(r"\bpoly\s*\(", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Element:
    """An element card.

    Attributes:
        card: where it stands.
        name: lower case, such as `mn1`.
        nodes: as written, lower case.
        model: lower-case name of its model or subcircuit; empty for none.
        rest: what follows: values and parameters, as written.
        sources: names of elements that it refers to (F, H, K), lower case, written before `rest`.
    """

    card: Card
    name: str
    nodes: tuple[str, ...]
    model: str
    rest: str
    sources: tuple[str, ...] = ()

    @property
    def letter(self) -> str:
        """What kind of element it is."""
        return self.name[0]


def read_element(card: Card, models: Container[str]) -> Element | None:
    """The element on `card`; None when the card cannot be split.

    Args:
        card: an element card that passed the allow-list.
        models: lower-case names of the models and bin groups that it may refer to.
    """
    words = _words(card.text)
    if card.keyword[0] in _PASSIVE:
        return _passive(card, words, models)
    reader = _READERS.get(card.keyword[0])
    if reader is not None:
        return reader(card, words)
    first = _MODELLED.get(card.keyword[0])
    return None if first is None else _modelled(card, words, first, models)


def _words(text: str) -> list[tuple[str, int]]:
    """(lower-case word, end) at white space, an assignment's blanks not counted."""
    return [
        (match[0].lower(), match.end())
        for match in re.finditer(r"(?:\{[^}]*\}|'[^']*'|\"[^\"]*\"|[^\s{'\"(),=]|[(,)])+", text)
    ]


def _pair(card: Card, words: list[tuple[str, int]]) -> Element | None:
    if len(words) < 3:
        return None
    (name, _), (one, _), (two, end) = words[:3]
    sources: tuple[str, ...] = ()
    if name[0] in "fh":
        if len(words) < 4:
            return None
        if _POLY.search(card.text):
            return _polynomial(card, (one, two), card.text[end:].strip())
        sources, end = (words[3][0],), words[3][1]
    return Element(card, name, (one, two), "", card.text[end:].strip(), sources)


def _passive(card: Card, words: list[tuple[str, int]], models: Container[str]) -> Element | None:
    """R, C and L: two nodes, a value, a model, or both."""
    plain = _pair(card, words)
    for place in range(3, min(len(words), 5)):
        word, end = words[place]
        if plain is not None and word in models:
            value = card.text[words[2][1] : words[place - 1][1]].strip()
            rest = f"{card.keyword[0]}={value} {card.text[end:]}" if value else card.text[end:]
            return Element(card, plain.name, plain.nodes, word, rest.strip())
    return plain


def _controlled(card: Card, words: list[tuple[str, int]]) -> Element | None:
    """E and G: four nodes, or two and an expression."""
    name = words[0][0]
    match = _EXPRESSION.search(card.text, words[2][1]) if len(words) > 3 else None
    if match is None:
        return _with_nodes(card, words, 4) if len(words) > 5 else None
    nodes = tuple(word for word, _ in words[1:3])
    if match[1].lower() == "poly":
        return _polynomial(card, nodes, card.text[words[2][1] :].strip())
    if match[1].lower() in {"table", "laplace", "freq"}:
        return None
    return Element(card, name, nodes, "", card.text[words[2][1] :].strip())


def _polynomial(card: Card, nodes: tuple[str, ...], text: str) -> Element | None:
    """A polynomial source as a B source: `be1` for e1."""
    letter = card.keyword[0]
    value = polynomial(text, letter)
    kind = "v" if letter in "eh" else "i"
    return (
        None if value is None else Element(card, f"b{card.keyword}", nodes, "", f"{kind}={value}")
    )


def _coupling(card: Card, words: list[tuple[str, int]]) -> Element | None:
    if len(words) < 4:
        return None
    sources = tuple(word for word, _ in words[1:3])
    return Element(card, words[0][0], (), "", card.text[words[2][1] :].strip(), sources)


def _with_nodes(card: Card, words: list[tuple[str, int]], count: int) -> Element:
    nodes = tuple(word for word, _ in words[1 : count + 1])
    return Element(card, words[0][0], nodes, "", card.text[words[count][1] :].strip())


def _modelled(
    card: Card, words: list[tuple[str, int]], first: int, models: Container[str]
) -> Element | None:
    """D, Q, J, M: the nodes end where the first word is the name of a model."""
    for place in range(first + 1, min(len(words), first + 4)):
        word, end = words[place]
        if word in models:
            nodes = tuple(one for one, _ in words[1:place])
            return Element(card, words[0][0], nodes, word, card.text[end:].strip())
    return None


def _instance(card: Card, _words: list[tuple[str, int]]) -> Element | None:
    """X: nodes, the subcircuit's name, parameters."""
    text = re.sub(r"\bparams:", " ", card.text, flags=re.IGNORECASE)
    found = re.search(r"[A-Za-z_]\w*\s*=(?!=)", text)
    head = (text[: found.start()] if found else text).split()
    if len(head) < 2:
        return None
    rest = text[found.start() :].strip() if found else ""
    nodes = tuple(word.lower() for word in head[1:-1])
    return Element(card, head[0].lower(), nodes, head[-1].lower(), rest)


_Reader = Callable[[Card, list[tuple[str, int]]], Element | None]
_READERS: dict[str, _Reader] = {
    **dict.fromkeys(_PAIR, _pair),
    "e": _controlled,
    "g": _controlled,
    "k": _coupling,
    "x": _instance,
}
