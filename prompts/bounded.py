"""An answer's schema with all limits in it, for engines that can hold an answer to them."""

from __future__ import annotations

from typing import Any

from prompts.quantity_pattern import quantity_pattern
from prompts.schema import AnswerSchema

_LONGEST_REASONING = 1000


def bounded(schema: AnswerSchema) -> dict[str, Any]:
    """The schema with as many designs as it asks for, and every value in its range.

    Any answer that fits it can be used as it stands, whichever model wrote it: what the schema
    only describes, because not every endpoint knows the keywords, is a rule here.
    """
    properties = schema["properties"]
    designs, count = properties["designs"], schema.count
    values = designs["items"]["properties"]
    limited = {
        one.name: {**values[one.name], "pattern": quantity_pattern(one)}
        for one in schema.circuit.variables
    }
    item = {**designs["items"], "properties": limited}
    return {
        **schema,
        "properties": {
            "reasoning": {**properties["reasoning"], "maxLength": _LONGEST_REASONING},
            "designs": {**designs, "items": item, "minItems": count, "maxItems": count},
        },
    }
