"""The import of a testbench's netlist: the passes, in order."""

from __future__ import annotations

import posixpath
from collections.abc import Callable

from circuits.errors import CircuitError
from circuits.importer.alters import unroll_runs
from circuits.importer.constants import Constants
from circuits.importer.control import translate_control
from circuits.importer.formulas import note_lets
from circuits.importer.functions import write_out_functions
from circuits.importer.ignored import strip_ignored
from circuits.importer.measures import rewrite_measures
from circuits.importer.netlist import Netlist, Surroundings
from circuits.importer.params import define_params
from circuits.importer.reading import Reader
from circuits.importer.refusals import refuse_impossible
from circuits.importer.spelling import respell
from circuits.importer.sweeps import unroll_sweeps
from circuits.importer.syntax import Syntax
from circuits.importer.tables import take_tables
from circuits.source import Budget, Place, Source

PASSES: tuple[Callable[[Netlist], None], ...] = (
    take_tables,
    translate_control,
    refuse_impossible,
    strip_ignored,
    respell,
    write_out_functions,
    define_params,
    unroll_sweeps,
    unroll_runs,
    rewrite_measures,
    note_lets,
)


def import_netlist(
    source: Source, name: str, at: Place, around: Surroundings, budget: Budget
) -> Netlist:
    """Read a testbench's netlist and make plain ngspice of it.

    Args:
        source: where files come from.
        name: path of the netlist.
        at: what names it.
        around: what circuit.yaml says.
        budget: how much text may still be read.

    Raises:
        CircuitError: all that cannot be imported, or a file that cannot be read.
    """
    top = posixpath.normpath(name)
    netlist = Netlist(
        top=top,
        around=around,
        constants=Constants(around.parameters, around.variables),
        degrees=around.syntax is Syntax.HSPICE,
    )
    Reader(source, netlist, budget).read(top, f"testbench netlist {name!r}", at)
    for one in PASSES:
        one(netlist)
    if netlist.findings:
        raise CircuitError(netlist.findings)
    return netlist
