"""`.data` blocks: named tables of parameter values."""

from __future__ import annotations

import re

from circuits.importer.arithmetic import read_number
from circuits.importer.netlist import Netlist
from circuits.importer.sheet import Card, strip_all

_ROWS = 200
_NAME = re.compile(r"[a-z_]\w*", re.IGNORECASE)


def take_tables(netlist: Netlist) -> None:
    """Read `.data` blocks and strip them."""
    block: list[Card] = []
    for card in netlist.cards:
        if card.keyword == ".data":
            block = [card]
        elif card.keyword == ".enddata" and block:
            _table(netlist, block)
            strip_all([*block, card])
            block = []
        elif block and card.keyword.startswith("."):
            netlist.refuse(block[0], ".data without its .enddata", "Close it with .enddata")
            strip_all(block)
            block = []
        elif block:
            block.append(card)
    if block:
        netlist.refuse(block[0], ".data without its .enddata", "Close it with .enddata")
        strip_all(block)


def _table(netlist: Netlist, block: list[Card]) -> None:
    words = " ".join(card.text for card in block).split()[1:]
    if not words or "=" in " ".join(words):
        netlist.refuse(
            block[0], ".data of this form is not read", "Write .data NAME P1 P2, then rows"
        )
        return
    name, words = words[0].lower(), words[1:]
    columns = []
    while words and read_number(words[0]) is None and _NAME.fullmatch(words[0]):
        columns.append(words.pop(0).lower())
    values = [read_number(word) for word in words]
    numbers = [value for value in values if value is not None]
    if not columns or not numbers or len(numbers) < len(values) or len(numbers) % len(columns):
        problem = f".data {name}: {len(words)} values for {len(columns)} columns"
        netlist.refuse(block[0], problem, "Give each row a number for each name")
        return
    width = len(columns)
    rows = [numbers[place : place + width] for place in range(0, len(numbers), width)]
    if len(rows) > _ROWS:
        netlist.refuse(block[0], f".data {name}: over {_ROWS} rows", "Keep those that decide")
        return
    netlist.tables[name] = (tuple(columns), rows)
