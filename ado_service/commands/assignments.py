"""`--set NAME=VALUE` on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ado_service.commands.console import fail
from circuits.definition import Circuit
from circuits.units import UnitError, parse_quantity


def assigned(
    circuit: Circuit, values: Mapping[str, float], assignments: Sequence[str]
) -> dict[str, float]:
    """A design (SI units) with `assignments` in place; ends the command where one is no good.

    Args:
        circuit: has the variables.
        values: the design to start from.
        assignments: such as `w1=12u`, within the variable's range.
    """
    changed = dict(values)
    variables = {variable.name: variable for variable in circuit.variables}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or name not in variables:
            fail(f"--set {assignment}: no such variable; write NAME=VALUE with one of "
                 f"{', '.join(variables)}")  # fmt: skip
        variable = variables[name]
        try:
            value = parse_quantity(text, variable.unit)
        except UnitError as error:
            fail(f"--set {assignment}: {error}")
        if not variable.low <= value <= variable.high:
            fail(f"--set {assignment}: out of range, {name} is from {variable.low:g} to "
                 f"{variable.high:g} {variable.unit}")  # fmt: skip
        changed[name] = variable.snap(value)
    return changed
