"""Between the importer and circuit.yaml's data, which nobody has checked yet."""

from __future__ import annotations

from typing import Any

from circuits.importer.circuit import Imported
from circuits.importer.netlist import Surroundings
from circuits.importer.syntax import Syntax


def surroundings(data: dict[str, Any], syntax: Syntax) -> Surroundings:
    """What the netlists need to know of circuit.yaml; wrong types are left out, and told later."""
    parameters = data.get("parameters")
    corners = [one for one in _list(data, "corners") if isinstance(one, dict)]
    changes = [one.get("parameters") for one in corners]
    return Surroundings(
        syntax=syntax,
        variables=frozenset(
            one["name"]
            for one in _list(data, "variables")
            if isinstance(one, dict) and isinstance(one.get("name"), str)
        ),
        parameters=_numbers(parameters),
        corners="corners" in data,
        cornered=frozenset(name for change in changes for name in _numbers(change)),
    )


def with_imported(data: dict[str, Any], imported: Imported) -> dict[str, Any]:
    """The data with the corners, parameters and formulas that the netlists gave."""
    data = dict(data)
    if imported.corners and "corners" not in data:
        data["corners"] = imported.corners
    if imported.parameters and isinstance(data.get("parameters", {}), dict):
        data["parameters"] = {**data.get("parameters", {}), **imported.parameters}
    if imported.formulas:
        data["metrics"] = [_metric(one, imported) for one in _list(data, "metrics")]
    return data


def _metric(data: Any, imported: Imported) -> Any:
    if not isinstance(data, dict) or not isinstance(data.get("name"), str):
        return data
    given = data.get("expression", "")
    if not isinstance(given, str):
        return data
    written = imported.expression(data["name"], given)
    return data if written == given else {**data, "expression": written}


def _list(data: dict[str, Any], key: str) -> list[Any]:
    found = data.get(key)
    return found if isinstance(found, list) else []


def _numbers(data: Any) -> dict[str, float]:
    if not isinstance(data, dict):
        return {}
    return {
        name: float(value)
        for name, value in data.items()
        if isinstance(name, str) and isinstance(value, int | float)
    }
