"""What HSPICE spells in another way: `.macro`, `gnd!`, `1x`, bare parameter names, `vcvs`."""

from __future__ import annotations

import re
from collections.abc import Callable

from circuits.importer.assignments import mask
from circuits.importer.constants import Constants
from circuits.importer.netlist import Netlist
from circuits.importer.sheet import Card

_GROUND = re.compile(r"(?<![\w.!])(?:gnd!|ground!?|0!)(?![\w!])", re.IGNORECASE)
_MEGA = re.compile(r"(?<![\w.$#])((?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)x(?![\w.])", re.IGNORECASE)
_EXPRESSION = re.compile(r"\b(?:poly|vol|cur|v|i|value|pwl|table)\s*[=(]", re.IGNORECASE)
_KIND = re.compile(r"^(\S+\s+\S+\s+\S+\s+)(?:vcvs|vccs|cccs|ccvs)\s+", re.IGNORECASE)
_IDENTIFIER = re.compile(r"(?<![\w.#@])[a-z_]\w*(?![\w.(!#])(?!\s*[=(])", re.IGNORECASE)
_HEADS = {
    **dict.fromkeys("rclvibk", 3), **dict.fromkeys("dfh", 4), **dict.fromkeys("egqj", 5), "m": 6,
}  # fmt: skip
"""Words of an element card that are names and nodes."""
_KEYWORDS = frozenset(
    """
    dc ac pulse pu sin pwl exp sffm am poly vol cur r td ic temp off m w l value file
    time hertz temper pi
    """.split()
)
_MIL = re.compile(r"(?<![\w.])(\d++(?:\.\d*+)?+|\.\d++)mil[a-z]*\b", re.IGNORECASE)
_ATTO = re.compile(r"(?<![\w.])(\d++(?:\.\d*+)?+|\.\d++)a[a-z]*\b", re.IGNORECASE)
_RENAMED = {".macro": ".subckt", ".eom": ".ends"}
_VALUE_CARDS = frozenset({".tran", ".ac", ".dc", ".meas", ".measure", ".param", ".temp"})


def respell(netlist: Netlist) -> None:
    """Rewrite HSPICE's spellings; refuse `1x` in a netlist that may mean either."""
    for card in netlist.cards:
        if card.keyword in _RENAMED:
            card.rewrite(_RENAMED[card.keyword] + card.text[len(card.keyword) :])
        if netlist.hspice:
            _respell(netlist, card)
        elif _MEGA.search(_values(card)):
            netlist.refuse(
                card,
                "a number with the suffix x: 1e6 in HSPICE, nothing in ngspice",
                "Write meg or no suffix, or say `syntax: hspice` in circuit.yaml",
            )


def _respell(netlist: Netlist, card: Card) -> None:
    text, keyword = card.text, card.keyword
    if keyword == ".global":
        text = _GROUND.sub("gnd", text)
    elif not keyword.startswith(".") or keyword in {".subckt", ".ic", ".nodeset"}:
        text = _GROUND.sub("0", text)
    if keyword not in {".include", ".lib"}:
        text = text.replace('"', "'")
    text = _behind_head(text, keyword, _meg)
    if keyword[0] in "efgh":
        text = _KIND.sub(r"\1", text)
    if keyword[0] in "rclvi" or keyword in {".tran", ".ac"}:
        text = _behind_head(text, keyword, lambda part: _brace(part, netlist.constants))
    elif keyword == ".dc" or (keyword[0] in "efgh" and not _EXPRESSION.search(text)):
        text = _brace_names(text, keyword, netlist.constants)
    card.rewrite(text)


def _brace_names(text: str, keyword: str, names: Constants) -> str:
    """Braces around words that are parameter names, where nodes and sources have their places."""
    head = {".dc": 2}.get(keyword, _HEADS.get(keyword[0], 3))
    sources = range(1, 9, 4) if keyword == ".dc" else range(0)
    words = [
        f"{{{word}}}" if place >= head and place not in sources and word.lower() in names else word
        for place, word in enumerate(text.split(" "))
    ]
    return " ".join(words)


def _meg(text: str) -> str:
    """HSPICE's scale factors that ngspice reads otherwise, in expressions at least."""
    text = _MEGA.sub(r"\1meg", text)
    text = _MIL.sub(lambda match: f"{float(match[1]) * 25.4:.15g}u", text)
    return _ATTO.sub(r"\1e-18", text)


def _behind_head(text: str, keyword: str, change: Callable[[str], str]) -> str:
    """The card with `change` made to what stands behind its name, nodes and model."""
    if keyword.startswith("."):
        head = 1 if keyword in _VALUE_CARDS or keyword == ".model" else None
    else:
        head = _HEADS.get(keyword[0])
    if head is None:  # only behind the first `=`: what stands before are nodes
        place = text.find("=")
        return text if place < 0 else text[:place] + change(text[place:])
    words = text.split(" ", head)
    if len(words) <= head:
        return text
    return " ".join([*words[:head], change(words[head])])


def _values(card: Card) -> str:
    """What stands behind name, nodes and model."""
    found: list[str] = []

    def keep(part: str) -> str:
        found.append(part)
        return part

    _behind_head(card.text, card.keyword, keep)
    return "".join(found)


def _brace(text: str, names: Constants) -> str:
    """Braces around parameter names that stand bare, which only HSPICE reads as values."""
    masked, parts, place = mask(text), [], 0
    sweep = re.search(r"\bsweep\b", masked, re.IGNORECASE)
    masked = masked[: sweep.start()] if sweep else masked
    for match in _IDENTIFIER.finditer(masked):
        name = match[0].lower()
        if name in names and name not in _KEYWORDS:
            parts += [text[place : match.start()], f"{{{match[0]}}}"]
            place = match.end()
    return "".join([*parts, text[place:]])
