"""Cards that cannot work here, each with its reason and cure."""

from __future__ import annotations

import re

from circuits.errors import CircuitError
from circuits.importer.assignments import assignments
from circuits.importer.netlist import Netlist
from circuits.importer.sheet import Card

_ENCRYPTED = (
    "encrypted text, which only its own simulator can read",
    "Ask the foundry for ngspice models; where the text is plain, remove .protect and .unprotect",
)
REFUSED_CARDS = {
    ".connect": ("it joins two nodes", "Give both nodes the same name"),
    ".fft": ("spectra are not measured here", "Measure amplitudes with .meas tran, or remove it"),
    ".lstb": (
        "loop stability analysis is HSPICE's own",
        "Break the loop with an L and a C, use .ac",
    ),
    ".hdl": ("Verilog-A needs a compiler", "Use a device card or a subcircuit instead"),
    ".vec": ("digital vector files are not read", "Use PULSE or PWL sources"),
    ".biaschk": ("bias checks are HSPICE's own", "Use .meas max or min, and a spec on it"),
    ".stim": ("stimulus files are not written or read", "Use PULSE or PWL sources"),
    ".dcvolt": ("it is HSPICE's own", "Use .ic"),
    ".lin": ("S-parameters are not measured here", "Use .ac with a port of your own"),
    ".hb": ("harmonic balance is not in ngspice", "Use .tran"),
    ".sn": ("shooting analysis is not in ngspice", "Use .tran"),
    ".mc": ("Monte Carlo is not a card", "Use `ado yield` on the finished design"),
    ".variation": ("variation blocks are HSPICE's own", "Use `ado yield` on the finished design"),
    ".del": ("it stands outside of an .alter block", "Remove it"),
    ".loadic": ("saved states are not read", "Use .ic or .nodeset"),
    ".load": ("saved states are not read", "Use .ic or .nodeset"),
    ".malias": ("model aliases are HSPICE's own", "Use the model's own name"),
    ".alias": ("model aliases are HSPICE's own", "Use the model's own name"),
}
_SOURCE = "Use R, C, L and controlled sources with the same poles"
REFUSED_SOURCES = {
    "laplace": ("E or G with LAPLACE", _SOURCE),
    "pole": ("E or G with POLE", _SOURCE),
    "foster": ("E or G with FOSTER", _SOURCE),
    "freq": ("E or G with FREQ", _SOURCE),
    "delay": ("E or G with DELAY", "Use a T-like chain of L and C"),
    "opamp": ("E with OPAMP", "Write a gain: `E1 out 0 in+ in- 1e6`"),
    "transformer": ("E with TRANSFORMER", "Use two coupled inductors, K"),
}
_NAME = re.compile(r"(?<![\w.])[a-z_]\w*")
_AKO = re.compile(r"\bako\s*:", re.IGNORECASE)
_OPTIMIZE = re.compile(r"=\s*opt\w*\s*\(", re.IGNORECASE)


def refuse_encrypted(netlist: Netlist, card: Card) -> None:
    """Stop at once: what follows is no netlist.

    Raises:
        CircuitError: the card opens a protected block.
    """
    if card.keyword in {".protect", ".prot"}:
        raise CircuitError(
            [*netlist.findings, card.finding(f"{card.keyword}: {_ENCRYPTED[0]}", _ENCRYPTED[1])]
        )


def refuse_impossible(netlist: Netlist) -> None:
    """Refuse what has no counterpart in ngspice, or runs without doing what it says."""
    for card in netlist.cards:
        keyword = card.keyword
        if keyword in REFUSED_CARDS:
            reason, cure = REFUSED_CARDS[keyword]
            netlist.refuse(card, f"{keyword}: {reason}", cure)
            card.strip()
        elif keyword in {".unprotect", ".unprot"}:
            card.strip()
        elif keyword == ".model" and _AKO.search(card.text):
            netlist.refuse(card, "a model that is `ako:` another", "Write all its parameters out")
        elif keyword == ".param" and _OPTIMIZE.search(card.text):
            cure = "Write the first value, and name it as a variable in circuit.yaml: we size it"
            netlist.refuse(card, "a parameter of HSPICE's own optimization", cure)
            card.strip()
        elif keyword[0] in "eg":
            _refuse_source(netlist, card)
        elif keyword[0] == "x" and netlist.hspice:
            _refuse_instance(netlist, card)


def _refuse_instance(netlist: Netlist, card: Card) -> None:
    """A name that stands for another value on the card than around it: read in two ways."""
    given = {name: value.strip("'\"{} ").lower() for name, _, value in assignments(card.text)}
    renewed = {name for name, value in given.items() if value != name and name in netlist.constants}
    for name, value in given.items():
        doubtful = sorted(renewed & set(_NAME.findall(value)) - {name})
        if doubtful:
            problem = f"{name}={value} on an instance that also gives {doubtful[0]} another value"
            cure = "HSPICE reads the one outside, ngspice the instance's: rename one of them"
            netlist.refuse(card, problem, cure)


def _refuse_source(netlist: Netlist, card: Card) -> None:
    words = card.text.lower().replace("(", " ").split()[3:5]
    for word in words[:1]:
        if word in REFUSED_SOURCES:
            reason, cure = REFUSED_SOURCES[word]
            netlist.refuse(card, f"{reason} is not in ngspice", cure)
