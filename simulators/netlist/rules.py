"""The allow-list: what a netlist may contain. A netlist is a program; only circuits get through."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from circuits.errors import Finding
from simulators.netlist.card import Card

_DOT_CARDS = frozenset(
    """
    .param .subckt .ends .model .nodeset .ic .global .temp .options .option .save .op .ac
    .dc .tran .meas .measure .end
    """.split()
)
_MODEL_TYPES = frozenset(
    """
    r c l d npn pnp nmos pmos njf pjf nmf pmf sw csw vdmos
    """.split()
)
_OPTIONS = frozenset(
    """
    reltol abstol vntol chgtol trtol gmin gminsteps srcsteps itl1 itl2 itl4 itl6 method
    maxord temp tnom pivrel pivtol cshunt rshunt
    """.split()
)
_NODES = {"d": 2, "q": 3, "j": 3, "m": 4}
_ELEMENTS = "rclkviefghbdqjmx"
_CURES = {
    ".control": "Give analyses and measures as cards; commands are not run",
    ".lib": "Use `.include` of a file in the circuit's folder",
    ".func": "Use `.param` expressions",
}


def check_cards(cards: Sequence[Card]) -> list[Finding]:
    """Everything that the cards may not contain, refer to and lack, or repeat."""
    checks: tuple[Callable[[Sequence[Card]], Iterator[Finding]], ...] = (
        _forbidden,
        _missing_models,
        _repeated_analyses,
    )
    return [finding for check in checks for finding in check(cards)]


def _forbidden(cards: Sequence[Card]) -> Iterator[Finding]:
    for card in cards:
        word = card.keyword
        if not card.text.isprintable() or re.search(r"[`$;|<>\\]", card.text):
            yield card.finding(
                "characters that a netlist may not contain", "Remove ` $ ; | < > \\ and the like"
            )
        elif word.startswith("."):
            yield from _forbidden_dot(card, word)
        elif word[0] not in _ELEMENTS:
            yield card.finding(
                f"{word!r}: element {word[0].upper()} is not allowed",
                f"Use {' '.join(_ELEMENTS.upper())}",
            )
        elif not re.fullmatch(r"[a-z]\w*", word):
            yield card.finding(f"{word!r} is no instance name", "Use letters, digits and _")


def _forbidden_dot(card: Card, word: str) -> Iterator[Finding]:
    if word not in _DOT_CARDS:
        cure = _CURES.get(word, f"Allowed are {' '.join(sorted(_DOT_CARDS))}")
        yield card.finding(f"card {word} is not allowed", cure)
    elif word == ".model":
        kind = card.words[2].lower().split("(")[0] if len(card.words) > 2 else ""
        if kind not in _MODEL_TYPES:
            yield card.finding(f"model type {kind!r} is not allowed", _list(_MODEL_TYPES))
    elif word in {".options", ".option"}:
        for name in re.findall(r"([a-z_]\w*)\s*(?==|\s|$)", card.text[len(word) :].lower()):
            if name not in _OPTIONS and not re.search(rf"=\s*{name}\b", card.text.lower()):
                yield card.finding(f"option {name!r} is not allowed", _list(_OPTIONS))


def _list(names: frozenset[str]) -> str:
    return f"Allowed are {' '.join(sorted(names))}"


def _missing_models(cards: Sequence[Card]) -> Iterator[Finding]:
    models = {
        card.words[1].lower() for card in cards if card.keyword == ".model" and card.words[1:]
    }
    circuits = {
        card.words[1].lower() for card in cards if card.keyword == ".subckt" and card.words[1:]
    }
    for card in cards:
        letter = card.keyword[0]
        if letter in _NODES:
            yield from _model_of(card, _NODES[letter], models)
        elif letter == "x":
            names = [word for word in card.words[1:] if "=" not in word]
            if not names or names[-1].lower() not in circuits:
                named = repr(names[-1]) if names else "none"
                yield card.finding(
                    f"subcircuit {named} is not defined", "Include the file that has its .subckt"
                )


def _model_of(card: Card, nodes: int, models: set[str]) -> Iterator[Finding]:
    words = card.words
    if len(words) < nodes + 2:
        yield card.finding(
            f"{words[0]} has {len(words) - 1} fields, it needs {nodes} nodes and a model",
            "Complete the card",
        )
    elif words[nodes + 1].lower() not in models and not _later_model(words[nodes + 2 :], models):
        yield card.finding(
            f"model {words[nodes + 1]!r} of {words[0]} is not defined",
            f"Include the model card; known models are {', '.join(sorted(models)) or 'none'}",
        )


def _later_model(words: list[str], models: set[str]) -> bool:
    """A BJT or MOS may have one more node before its model."""
    return bool(words) and words[0].lower() in models


def _repeated_analyses(cards: Sequence[Card]) -> Iterator[Finding]:
    seen: set[str] = set()
    for card in cards:
        if card.keyword not in {".op", ".ac", ".dc", ".tran"}:
            continue
        if card.keyword in seen:
            yield card.finding(
                f"a second {card.keyword} analysis", "Give it a testbench of its own"
            )
        seen.add(card.keyword)
