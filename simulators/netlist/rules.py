"""The allow-list: what a netlist may contain. A netlist is a program; only circuits get through."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Sequence

from circuits.errors import Finding
from simulators.netlist.assignments import split_assignments
from simulators.netlist.card import Card
from simulators.netlist.hierarchy import subcircuit_of
from simulators.netlist.params import check_params

ANALYSES = frozenset({".op", ".ac", ".dc", ".tran"})
"""Keywords of the analyses that are run, each at most once a testbench."""
_DOT_CARDS = frozenset(
    """
    .param .subckt .ends .model .nodeset .ic .global .temp .options .option .save .op .ac
    .dc .tran .meas .measure .end .lib
    """.split()
)
_INNER = frozenset(".subckt .ends .param .model .ic .nodeset .global".split())
_MODEL_TYPES = frozenset(
    """
    r c l d npn pnp nmos pmos njf pjf nmf pmf sw csw vdmos
    """.split()
)
_OPTIONS = frozenset(
    """
    reltol abstol vntol chgtol trtol gmin gminsteps srcsteps itl1 itl2 itl4 itl6 method
    maxord tnom pivrel pivtol cshunt rshunt
    """.split()
)
_NODES = {"d": 2, "q": 3, "j": 3, "m": 4}
_ELEMENTS = "rclkviefghbdqjmx"
_CURES = {
    ".control": "Give analyses and measures as cards; commands are not run",
    ".func": "Use `.param` expressions",
    ".include": "Write `.include FILE` on one line, the name without blanks",
    ".step": "Use corners, or several testbenches",
    ".noise": "Allowed analyses are .op .ac .dc .tran",
}
_OPTION_CURES = {"temp": "Set `temperature` of a corner in circuit.yaml"}
_RANDOM = re.compile(
    r"\b(a?gauss|a?unif|limit)\s*\(|\b(trnoise|trrandom)\b|^[vi]\S*\s.*\s(external)\b",
    re.IGNORECASE,
)
"""Functions and sources whose values the netlist does not give: a design could not be repeated."""
_FILE = re.compile(r"\bfile\s*=", re.IGNORECASE)
"""A source that reads a file: PWL FILE=."""
_LETTERS = re.compile(r"[`$;|<>\\]")
_LONGEST = 100_000
"""Characters of a card: a waveform of thousands of points is shorter."""


def check_cards(
    cards: Sequence[Card], subckts: Container[str] = (), models: Container[str] = ()
) -> list[Finding]:
    """Everything that the cards may not contain, refer to and lack, or repeat.

    Args:
        cards: of one testbench.
        subckts: names of a PDK's subcircuits, which X cards may refer to.
        models: names of a PDK's models.
    """
    checks: tuple[Callable[[Sequence[Card]], Iterator[Finding]], ...] = (
        _forbidden,
        check_params,
        _paired,
        _repeated_analyses,
    )
    found = [finding for check in checks for finding in check(cards)]
    return [*found, *_subcircuits(cards, subckts), *_missing_models(cards, models)]


def _forbidden(cards: Sequence[Card]) -> Iterator[Finding]:
    for card in cards:
        word = card.keyword
        if len(card.text) > _LONGEST:
            yield card.finding(
                f"{word[:60]!r}: a card of over {_LONGEST} characters",
                "Split it, or leave some out",
            )
        elif not (card.text.isprintable() and card.text.isascii()) or _LETTERS.search(card.text):
            yield card.finding(
                "characters that a netlist may not contain",
                "Remove ` $ ; | < > \\ and all that is not ASCII",
            )
        elif _FILE.search(card.text):
            yield card.finding("a source that reads a file", "Write its points on the card")
        elif match := _RANDOM.search(card.text):
            yield card.finding(
                f"{match[match.lastindex or 0]} is random or comes from outside",
                "Give numbers, or corners",
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
        kind = card.words[2].lower().split("(")[0] if card.words[2:] else ""
        if kind not in _MODEL_TYPES:
            yield card.finding(f"model type {kind!r} is not allowed", _list(_MODEL_TYPES))
    elif word in {".options", ".option"}:
        flags, given = split_assignments(card.text[len(word) :].lower())
        behind = [word for _, value in given for word in value.split()[1:]]
        for name in [*flags.split(), *(name for name, _ in given), *behind]:
            if name not in _OPTIONS:
                cure = _OPTION_CURES.get(name, _list(_OPTIONS))
                yield card.finding(f"option {name!r} is not allowed", cure)


def _list(names: frozenset[str]) -> str:
    return f"Allowed are {' '.join(sorted(names))}"


def _paired(cards: Sequence[Card]) -> Iterator[Finding]:
    """`.subckt` and `.ends` that do not pair, and what may not stand between them."""
    open_cards: list[Card] = []
    for card in cards:
        if open_cards and card.keyword[0] == "." and card.keyword not in _INNER:
            yield card.finding(f"{card.keyword} within a subcircuit", "Move it to the top level")
        if card.keyword == ".subckt":
            open_cards.append(card)
            if len(card.words) < 2:
                yield card.finding(".subckt without a name", "Write .subckt NAME NODES")
        elif card.keyword == ".ends" and open_cards:
            open_cards.pop()
        elif card.keyword == ".ends":
            yield card.finding(".ends without a .subckt", "Remove it")
    for card in open_cards:
        yield card.finding(".subckt without its .ends", "Close it with .ends")


def _subcircuits(cards: Sequence[Card], foreign: Container[str]) -> Iterator[Finding]:
    """X cards that instantiate nothing."""
    known = _defined(cards, ".subckt")
    for card in cards:
        name = subcircuit_of(card) if card.keyword[0] == "x" else ""
        if card.keyword[0] == "x" and name not in known and name not in foreign:
            yield card.finding(
                f"subcircuit {subcircuit_of(card)!r} is not defined",
                f"Include the file that has its .subckt; known are {_names(known)}",
            )


def _missing_models(cards: Sequence[Card], foreign: Container[str]) -> Iterator[Finding]:
    models = _defined(cards, ".model")
    groups = frozenset(name.rpartition(".")[0] for name in models if name[-1].isdigit())
    for card in cards:
        letter = card.keyword[0]
        if letter in _NODES and not any(word.lower() in foreign for word in card.words[1:]):
            yield from _model_of(card, _NODES[letter], models | groups)


def _defined(cards: Sequence[Card], keyword: str) -> frozenset[str]:
    return frozenset(c.words[1].lower() for c in cards if c.keyword == keyword and c.words[1:])


def _names(known: frozenset[str]) -> str:
    return ", ".join(sorted(known)) or "none"


def _model_of(card: Card, nodes: int, models: frozenset[str]) -> Iterator[Finding]:
    words = card.words
    if len(words) < nodes + 2:
        yield card.finding(
            f"{words[0]} has {len(words) - 1} fields, it needs {nodes} nodes and a model",
            "Complete the card",
        )
    elif words[nodes + 1].lower() not in models and not _later_model(words[nodes + 2 :], models):
        yield card.finding(
            f"model {words[nodes + 1]!r} of {words[0]} is not defined",
            f"Include the model card; known models are {_names(models)}",
        )


def _later_model(words: list[str], models: frozenset[str]) -> bool:
    """A BJT or MOS may have one more node before its model."""
    return bool(words) and words[0].lower() in models


def _repeated_analyses(cards: Sequence[Card]) -> Iterator[Finding]:
    seen: set[str] = set()
    for card in cards:
        if card.keyword not in ANALYSES:
            continue
        if card.keyword in seen:
            yield card.finding(
                f"a second {card.keyword} analysis", "Give it a testbench of its own"
            )
        seen.add(card.keyword)
