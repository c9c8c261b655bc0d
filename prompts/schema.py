"""The JSON schema of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from circuits.definition import Circuit
from circuits.units import format_quantity
from circuits.variable import Variable
from prompts.text import one_line


class AnswerSchema(dict[str, Any]):
    """A JSON schema, to be sent as it is, that knows what it asks for.

    Attributes:
        circuit: whose designs are asked for.
        count: how many.
    """

    def __init__(self, schema: Mapping[str, Any], circuit: Circuit, count: int) -> None:
        super().__init__(schema)
        self.circuit = circuit
        self.count = count


def answer_schema(circuit: Circuit, count: int) -> AnswerSchema:
    """The schema of an answer with `count` designs.

    It keeps to what every structured-output engine knows (OpenAI's strict mode is the
    narrowest): no limits on numbers or lengths, every property required, nothing additional.
    The reasoning is the first property, so that it is written before the values. Values are
    strings, because only those can carry an SI prefix.
    """
    design = _closed({v.name: _value(v) for v in circuit.variables})
    schema = _closed(
        {
            "reasoning": {
                "type": "string",
                "description": "Step by step, before any value is chosen: what limits the "
                "designs, which devices to change, in which direction and why.",
            },
            "designs": {
                "type": "array",
                "description": f"Exactly {count} {'design' if count == 1 else 'designs'}.",
                "items": design,
            },
        }
    )
    return AnswerSchema(schema, circuit, count)


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _value(variable: Variable) -> dict[str, Any]:
    text = f"{format_quantity(variable.low)} to {format_quantity(variable.high)}"
    text += f", unit {variable.unit}" if variable.unit else ""
    text += f"; {one_line(variable.role, 200)}" if variable.role else ""
    return {"type": "string", "description": text}
