"""What says nothing about the circuit: output cards, and options that only change printing."""

from __future__ import annotations

import re

from circuits.importer.arithmetic import read_number
from circuits.importer.netlist import Netlist
from circuits.importer.sheet import Card

_OUTPUT = frozenset(".probe .print .plot .graph .width .title .titel .comment".split())
_IGNORED = frozenset(
    """
    post probe list node nomod ingold accurate runlvl brief captab dccap measdgt numdgt co acct
    opts nopage nowarn warnlimit badchr diagnostic nxx parhier measform measfile measfail measout
    lis_new statfl unwrap autostop savecurrents post_version posttop postlvl artist psf csdf
    converge dcstep dv fast lvltim dvdt relv absv reli absi relvar absvar relq relvdc relmos absmos
    absh relh gramp gmindc autoconv kcltest newtol nopiv cptime limtim mxlist search noacct noinit
    nopage interp modmonte symb redefsub
    """.split()
)
"""Options that change printing, or how HSPICE gets to the same result."""
_PAIR = re.compile(r"([A-Za-z_]\w*)(?:\s*=\s*('[^']*'|\{[^}]*\}|\S+))?")


def strip_ignored(netlist: Netlist) -> None:
    """Strip output cards; take from option cards what ngspice does not need."""
    for card in netlist.cards:
        if card.keyword in _OUTPUT:
            card.strip()
        elif card.keyword in {".opt", ".option", ".options"}:
            _options(netlist, card)
        elif card.keyword == ".op" and card.text.lower() != ".op":
            card.rewrite(".op")


def _options(netlist: Netlist, card: Card) -> None:
    pairs = [(match[1], match[2]) for match in _PAIR.finditer(card.text[len(card.keyword) :])]
    kept = [pair for pair in pairs if not _is_ignored(netlist, card, *pair)]
    if not kept:
        card.strip()
    elif len(kept) < len(pairs) or card.keyword == ".opt":
        card.rewrite(".options " + " ".join(n if v is None else f"{n}={v}" for n, v in kept))


def _is_ignored(netlist: Netlist, card: Card, name: str, value: str | None) -> bool:
    name = name.lower()
    if name == "scale":
        if value is None or read_number(value) != 1:
            problem = f"option scale={value}: sizes in other units than metres"
            netlist.refuse(card, problem, "Write W and L in metres (W=1u), and remove it")
        return True
    return name in _IGNORED
