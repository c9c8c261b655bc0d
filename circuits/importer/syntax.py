"""Which simulator a netlist was written for: the same card can mean two things."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum


class Syntax(StrEnum):
    """How netlists are read; `syntax` in circuit.yaml."""

    NGSPICE = "ngspice"
    HSPICE = "hspice"


_SIGNS = re.compile(
    r"^[ \t]*(?:\.(?:alter|data|macro|eom|prot|protect|unprot|hdl|vec|connect|fft|lstb|del)\b"
    r"|\.opt(?:ion|ions)?\b[^\n*$]{0,400}\b(?:post|probe|ingold|runlvl|accurate|parhier|measform|"
    r"brief|nomod|captab|dccap|acct|lis_new)\b"
    r"|\.(?:ac|dc|tran)\b[^\n*$]{0,400}\bsweep\b)",
    re.IGNORECASE | re.MULTILINE,
)
"""What no ngspice netlist has."""


def guess_syntax(texts: Iterable[str]) -> Syntax:
    """HSPICE when any of the texts has what only HSPICE knows."""
    return Syntax.HSPICE if any(map(_SIGNS.search, texts)) else Syntax.NGSPICE
