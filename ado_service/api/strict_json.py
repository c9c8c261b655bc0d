"""JSON that means one thing only: what readers would not agree on is refused, at its place."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_DIGITS = 300
"""Digits of the longest integer that is read: no float reaches further."""


class _RefusedError(ValueError):
    """JSON that we do not take. `token` is what stands there; `name` says that it is a name."""

    def __init__(self, problem: str, token: str, *, name: bool = False) -> None:
        super().__init__(problem)
        self.token, self.name = token, name


def parse_json(body: bytes) -> Any:
    """The JSON value of a request body.

    Raises:
        json.JSONDecodeError: no JSON, or JSON on which readers would not agree: a name given
            twice, NaN, a number beyond the range of floats.
    """
    try:
        return json.loads(
            body,
            object_pairs_hook=_object,
            parse_constant=_refuse,
            parse_float=_finite,
            parse_int=_integer,
        )
    except json.JSONDecodeError:
        raise
    except RecursionError:
        problem, place = "nested too deeply; flatten it", 0
    except UnicodeDecodeError as error:
        problem, place = "not UTF-8 text; encode it as UTF-8", error.start
    except _RefusedError as error:
        text = body.decode(json.detect_encoding(body), "surrogatepass")
        problem, place = str(error), _place(text, error)
        raise json.JSONDecodeError(problem, text, place) from None
    raise json.JSONDecodeError(problem, "", place)


def _object(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            problem = f"the name {name[:100]!r} is there twice; keep one of them"
            raise _RefusedError(problem, name, name=True)
        found[name] = value
    return found


def _refuse(constant: str) -> float:
    raise _RefusedError(f"{constant} is no JSON number; write a number, or null", constant)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _RefusedError(f"the number {text[:100]} is out of range; write a smaller one", text)
    return value


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise _RefusedError(f"a number of {len(text)} digits is too long; shorten it", text)
    return int(text)


def _place(text: str, error: _RefusedError) -> int:
    """Where in the text stands what was refused; 0 if nowhere."""
    if error.name:
        return next((place for place, name in _doubled(text) if name == error.token), 0)
    found = (one.start() for one in _TOKENS.finditer(text) if one.group() == error.token)
    return next(found, 0)


def _doubled(text: str) -> Iterator[tuple[int, str]]:
    """(place, name) of names that their object had before."""
    seen: list[set[str]] = []
    last: re.Match[str] | None = None
    for token in _TOKENS.finditer(text):
        match token.group():
            case "{" | "[":
                seen.append(set())
            case "}" | "]":
                seen.pop()
            case ":" if last is not None:
                name = json.loads(last.group())
                if name in seen[-1]:
                    yield last.start(), name
                seen[-1].add(name)
        last = token
