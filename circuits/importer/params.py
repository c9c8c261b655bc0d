"""Values of the `.param` cards, once they are spelt as ngspice has them."""

from __future__ import annotations

from circuits.importer.assignments import assignments
from circuits.importer.netlist import Netlist


def define_params(netlist: Netlist) -> None:
    """Give the netlist's constants what its global `.param` cards say now."""
    for card in netlist.global_params():
        for name, arguments, value in assignments(card.text[len(".param") :]):
            if arguments is None:
                netlist.constants.define(name, value)
