"""`.control` sections: analyses and measures become cards, output commands nothing.

A section is data to us: no command of it is ever run. One that is neither an analysis nor a
measure nor plain output is refused with its line.
"""

from __future__ import annotations

import re

from circuits.importer.netlist import Netlist
from circuits.importer.sheet import Card

_ANALYSES = frozenset({"op", "ac", "dc", "tran"})
_OUTPUT = frozenset(
    """
    run save print plot write wrdata wrs2p hardcopy gnuplot asciiplot iplot display echo listing
    show showmod rusage quit exit bye setplot setscale destroy version help status where history
    edit settype unlet strcmp
    """.split()
)
_SETTINGS = frozenset(
    """
    filetype appendwrite wr_singlescale wr_vecnames numdgt width height noaskquit nobreak nomoremode
    color0 color1 color2 color3 color4 color5 color6 color7 color8 xbrushwidth xgridwidth gridwidth
    hcopydevtype hcopypscolor hcopywidth hcopyheight hcopyscale hcopyfont gnuplot_terminal
    plotstyle pointchars polydegree polysteps ticmarks curplottitle nolegend nosort num_threads
    sim_status hcopydev
    """.split()
)
"""Variables that say how results look."""
_CURES = {
    "alter": "Make what it alters a .param: a variable, a parameter or a corner of circuit.yaml",
    "altermod": "Make what it alters a .param: a parameter or a corner of circuit.yaml",
    "alterparam": "Name it as a variable, or give corners in circuit.yaml",
    "foreach": "Give corners in circuit.yaml",
    "noise": "Analyses are op, ac, dc and tran",
    "fft": "Measure in the time domain with meas tran",
    "fourier": "Measure in the time domain with meas tran",
    "linearize": "Measure the vectors themselves with meas tran",
    "source": "Use .include of a file in the circuit's folder",
    "shell": "Remove it: nothing is run for a netlist",
    "codemodel": "Use the elements and models of ngspice itself",
    "pre_osdi": "Use the models of ngspice itself",
    "osdi": "Use the models of ngspice itself",
    "option": "Write an .options card",
    "if": "Keep the branch that you mean",
    "while": "Give corners in circuit.yaml",
    "repeat": "Give corners in circuit.yaml",
    "dowhile": "Give corners in circuit.yaml",
}
_CURE = "Keep op, ac, dc, tran, meas and output commands; say the rest in circuit.yaml"
_MEASURE = re.compile(r"meas(?:ure)?\s", re.IGNORECASE)


def translate_control(netlist: Netlist) -> None:
    """Turn the commands of `.control` sections into cards, or strip them."""
    inside: Card | None = None
    for card in netlist.cards:
        if card.keyword == ".control":
            inside = card
            card.strip()
        elif card.keyword == ".endc":
            inside = None
            card.strip()
        elif inside is not None:
            _command(netlist, card)
    if inside is not None:
        netlist.refuse(inside, ".control without its .endc", "Close it with .endc")


def _command(netlist: Netlist, card: Card) -> None:
    word = card.keyword.lstrip("*")
    raw = "".join(card.sheet.lines[card.line - 1 : card.last])
    if "`" in raw or ";" in raw:
        problem = f"command {word[:40]!r} with a backtick or a second command behind it"
        netlist.refuse(card, problem, "Write one plain command on a line")
        card.strip()
    elif word in _ANALYSES or _MEASURE.match(card.text):
        card.rewrite(f".{card.text}")
    elif word == "let":
        _let(netlist, card)
    elif word in {"set", "unset"}:
        _setting(netlist, card)
    elif word in _OUTPUT:
        card.strip()
    else:
        netlist.refuse(card, f"command {word[:40]!r} is not run here", _CURES.get(word, _CURE))
        card.strip()


def _let(netlist: Netlist, card: Card) -> None:
    """Keep the expression: a measure or a metric may ask for it, else it was for output."""
    match = re.match(r"let\s+([a-z_]\w*)\s*=\s*(.+)$", card.text, re.IGNORECASE)
    if match is not None:
        netlist.lets[match[1].lower()] = match[2].strip("'\"")
    card.strip()


def _setting(netlist: Netlist, card: Card) -> None:
    words = card.text.replace("=", " ").lower().split()[1:]
    if words[:2] == ["units", "degrees"]:
        netlist.degrees = True
    elif words and words[0] not in _SETTINGS:
        problem = f"{card.keyword} {words[0][:40]} may change results"
        netlist.refuse(card, problem, "Remove it, or write an .options card or a corner")
    card.strip()
