"""Functions of the user (`.param f(x)='...'`, `.func`): written out where they are called."""

from __future__ import annotations

import re

from circuits.errors import CircuitError
from circuits.importer.assignments import assignments
from circuits.importer.netlist import Netlist
from circuits.importer.sheet import Card

_FUNC = re.compile(r"\.func\s+([a-z_]\w*)\s*(\([^()]*\))\s*=?\s*(.+)$", re.IGNORECASE)
_CALL = re.compile(r"(?<![\w.])([A-Za-z_]\w*)\s*\(")
_WORD = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_LENGTH = 20_000
_CALLS = 200
_CALLS_IN_ALL = 10_000

Function = tuple[list[str], str]
"""Names of the arguments, and the expression."""


class _TooMuchError(Exception):
    """A function that calls itself, or one that grows without end."""


def write_out_functions(netlist: Netlist) -> None:
    """Take user-defined functions out, put their expressions where they are called."""
    functions = _collect(netlist)
    if not functions:
        return
    left = _CALLS_IN_ALL
    for card in netlist.cards:
        if card.keyword == ".param" and _take_definitions(card):
            continue
        try:
            text, calls = _expand(card.text, functions)
        except _TooMuchError as error:
            cure = "Define each function by functions above it, with matching brackets"
            netlist.refuse(card, str(error), cure)
            continue
        card.rewrite(text)
        left -= calls
        if left < 0:
            problem = f"over {_CALLS_IN_ALL} calls of functions"
            raise CircuitError([card.finding(problem, "Write expressions out")])


def _collect(netlist: Netlist) -> dict[str, Function]:
    functions: dict[str, Function] = {}
    for card in netlist.cards:
        if card.keyword == ".func" and (match := _FUNC.match(card.text)):
            _note(functions, match[1], match[2], match[3])
            card.strip()
        elif card.keyword == ".param":
            found = list(assignments(card.text[len(".param") :]))
            for name, arguments, value in found:
                if arguments is not None:
                    _note(functions, name, arguments, value)
    return functions


def _note(functions: dict[str, Function], name: str, arguments: str, value: str) -> None:
    value = value.strip()
    if value[:1] + value[-1:] in {"''", '""', "{}"}:
        value = value[1:-1]
    names = [one.strip().lower() for one in arguments.strip("()").split(",")]
    functions[name.lower()] = (names, value)


def _take_definitions(card: Card) -> bool:
    """Strip the function definitions from a `.param` card; True when nothing else is on it."""
    found = list(assignments(card.text[len(".param") :]))
    rest = [f"{name}={value}" for name, arguments, value in found if arguments is None]
    if len(rest) == len(found):
        return False
    if rest:
        card.rewrite(".param " + " ".join(rest))
        return False
    card.strip()
    return True


def _expand(text: str, functions: dict[str, Function]) -> tuple[str, int]:
    """The text with calls written out, from the outside in, and how many there were."""
    for count in range(_CALLS):
        match = next((m for m in _CALL.finditer(text) if m[1].lower() in functions), None)
        if match is None:
            return text, count
        arguments, end = _arguments(text, match.end())
        names, body = functions[match[1].lower()]
        if len(arguments) != len(names):
            raise _TooMuchError(f"{match[1]} takes {len(names)} arguments, not {len(arguments)}")
        body = _filled(body, dict(zip(names, arguments, strict=True)))
        text = f"{text[: match.start()]}({body}){text[end:]}"
        if len(text) > _LENGTH:
            break
    raise _TooMuchError("functions that grow without end")


def _filled(body: str, given: dict[str, str]) -> str:
    """A function's expression with its arguments in their places."""

    def argument(match: re.Match[str]) -> str:
        found = given.get(match[0].lower())
        return match[0] if found is None else f"({found})"

    return _WORD.sub(argument, body)


def _arguments(text: str, place: int) -> tuple[list[str], int]:
    """Arguments of a call whose bracket opens before `place`, and where it ends."""
    depth, start, found = 0, place, []
    for index in range(place, len(text)):
        letter = text[index]
        if letter == "," and depth == 0:
            found.append(text[start:index].strip())
            start = index + 1
        elif letter == "(":
            depth += 1
        elif letter == ")" and depth > 0:
            depth -= 1
        elif letter == ")":
            return [*found, text[start:index].strip()], index + 1
    raise _TooMuchError("a bracket that does not close")
