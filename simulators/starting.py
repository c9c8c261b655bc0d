"""The design that a circuit's own netlists describe: where checks and nodesets begin."""

from __future__ import annotations

from circuits.definition import Circuit
from circuits.units import UnitError, parse_quantity
from simulators.netlist.card import read_cards
from simulators.netlist.params import read_params


def netlist_values(circuit: Circuit) -> dict[str, float]:
    """The design that the netlists' own `.param` cards describe, as far as they give numbers.

    Returns:
        SI units by variable name.

    Raises:
        CircuitError: a netlist cannot be read.
    """
    found: dict[str, float] = {}
    for bench in circuit.testbenches:
        for name, text in read_params(read_cards(circuit.files, bench.netlist)):
            try:
                found.setdefault(name, parse_quantity(text))
            except UnitError:
                continue  # an expression is no starting value
    return {name: found[name] for name in circuit.variable_names if name in found}


def starting_design(circuit: Circuit) -> dict[str, float]:
    """A full design (SI units): the netlists' values if they give one, else the axis' middle.

    Raises:
        CircuitError: a netlist cannot be read.
    """
    given = netlist_values(circuit)
    return {
        variable.name: variable.snap(given[variable.name])
        if variable.name in given
        else variable.from_unit(0.5)
        for variable in circuit.variables
    }
