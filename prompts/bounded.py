"""An answer's schema with all limits in it, for engines that can hold an answer to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from circuits.definition import Circuit
from prompts.quantity_pattern import quantity_pattern

_LONGEST_REASONING = 1000
_COUNT = re.compile(r"Exactly (\d+) ")


def bounded(schema: Mapping[str, Any], circuit: Circuit) -> dict[str, Any]:
    """`schema`, of `schema.answer_schema`, with as many designs as it names and values in range.

    Any answer that fits it can be used as it stands, whichever model wrote it: what the schema
    only describes, because not every endpoint knows the keywords, is a rule here.
    """
    properties = schema["properties"]
    designs = properties["designs"]
    found = _COUNT.match(designs["description"])
    assert found is not None, "answer_schema says how many designs there are to be"
    count = int(found[1])
    values = designs["items"]["properties"]
    limited = {
        one.name: {**values[one.name], "pattern": quantity_pattern(one)}
        for one in circuit.variables
    }
    item = {**designs["items"], "properties": limited}
    return {
        **schema,
        "properties": {
            "reasoning": {**properties["reasoning"], "maxLength": _LONGEST_REASONING},
            "designs": {**designs, "items": item, "minItems": count, "maxItems": count},
        },
    }
