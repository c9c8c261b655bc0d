"""From an answer's text to designs: tolerant of form, strict about numbers, never raising."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from circuits.definition import Circuit
from circuits.units import UnitError, parse_quantity
from circuits.variable import Variable
from prompts.extract import LONGEST_ANSWER, json_values
from prompts.plausible import cure, implausible
from prompts.text import printable

_LONGEST_NUMBER = 64
_LONGEST_REASONING = 20_000
_MOST_DESIGNS = 64
_MOST_PROBLEMS = 100
_DESIGNS = "designs"
_WRAPPERS = frozenset({"design", "parameters", "values", "variables"})


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """What an answer says.

    Attributes:
        designs: complete designs, SI units, neither clamped nor snapped.
        problems: what could not be used and how to mend it, one line each; names the design by
            its place in the answer, from 1.
        reasoning: the model's own words, shortened.
    """

    designs: list[dict[str, float]]
    problems: list[str]
    reasoning: str = ""


def parse_answer(text: str, circuit: Circuit) -> ParsedAnswer:
    """The designs in a model's answer.

    Accepted beside the form that was asked for: code fences, prose around the JSON, thoughts
    before it, one design without its list or a list without its object, names in other case,
    numbers with or without units. Never accepted: a value that would have to be guessed. A
    design with any unusable value is left out and each such value is a problem.

    Does not raise, and takes time linear in a bounded length of text.
    """
    if len(text) > LONGEST_ANSWER:
        problem = f"the answer has {len(text)} characters; keep it under {LONGEST_ANSWER}"
        return ParsedAnswer([], [problem])
    reasoning, candidates = _answer(json_values(text), circuit)
    if not candidates:
        problem = (
            'there is no JSON object with "designs" in the answer (or it is cut off or not valid '
            "JSON); give one complete JSON object"
        )
        return ParsedAnswer([], [problem], reasoning)
    designs: list[dict[str, float]] = []
    problems: list[str] = []
    for place, candidate in enumerate(candidates[:_MOST_DESIGNS], start=1):
        design, wrong = _design(candidate, circuit)
        problems += [f"design {place}: {what}" for what in wrong]
        if not wrong:
            designs.append(design)
    if len(candidates) > _MOST_DESIGNS:
        problems.append(f"only the first {_MOST_DESIGNS} of {len(candidates)} designs were read")
    return ParsedAnswer(designs, problems[:_MOST_PROBLEMS], reasoning)


def _answer(values: list[Any], circuit: Circuit) -> tuple[str, list[Any]]:
    """The reasoning, and what stands where designs should.

    The last value with `designs` counts, as models draft before they answer; without any, all
    values that look like designs do.
    """
    for value in reversed(values):
        if isinstance(value, dict):
            named = _lowered(value)
            if _DESIGNS in named:
                designs = named[_DESIGNS]
                listed = designs if isinstance(designs, list) else [designs]
                return _reasoning(named), listed
    loose: list[Any] = []
    reasoning = ""
    for value in values:
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and _looks_like_a_design(one, circuit):
                loose.append(one)
                reasoning = reasoning or _reasoning(_lowered(one))
    return reasoning, loose


def _reasoning(named: dict[str, Any]) -> str:
    said = named.get("reasoning")
    return printable(said[:_LONGEST_REASONING]) if isinstance(said, str) else ""


def _looks_like_a_design(value: dict[str, Any], circuit: Circuit) -> bool:
    names = _lowered(_unwrapped(value))
    return any(name in names for name in circuit.variable_names)


def _lowered(value: dict[str, Any]) -> dict[str, Any]:
    return {name.strip().lower(): content for name, content in value.items()}


def _unwrapped(value: dict[str, Any]) -> dict[str, Any]:
    """The design inside {"parameters": {...}} and the like."""
    for name, content in value.items():
        if name.strip().lower() in _WRAPPERS and isinstance(content, dict):
            return content
    return value


def _design(candidate: object, circuit: Circuit) -> tuple[dict[str, float], list[str]]:
    """Values by variable, and what is wrong with them."""
    if not isinstance(candidate, dict):
        return {}, ["it is no JSON object; give an object with every variable"]
    given = _lowered(_unwrapped(candidate))
    design: dict[str, float] = {}
    problems: list[str] = []
    for variable in circuit.variables:
        if variable.name not in given:
            problems.append(f"{variable.name} is missing; give every variable")
            continue
        try:
            design[variable.name] = _value(given[variable.name], variable)
        except UnitError as error:
            problems.append(f"{variable.name}: {error}")
    known = {*circuit.variable_names, "reasoning"}
    unknown = [_quoted(name) for name in given if name not in known]
    if unknown:
        listed = ", ".join(unknown[:5]) + (", ..." if len(unknown) > 5 else "")
        problems.append(f"{listed}: no such variable; give the circuit's variables only")
    return design, problems


def _value(given: object, variable: Variable) -> float:
    """The number that a model wrote for `variable`, SI units.

    Raises:
        UnitError: it is no number, or too far out of range to be meant.
    """
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise UnitError(f'{_quoted(given)} is no number; write for example "12.5u"')
    if isinstance(given, str) and len(given) > _LONGEST_NUMBER:
        raise UnitError(f"{_quoted(given)} is too long for a number")
    try:
        value = parse_quantity(given, variable.unit, mega_m=True)
    except OverflowError as error:  # an integer beyond the range of floats
        raise UnitError("the number is out of the range of numbers") from error
    if implausible(variable, value):
        raise UnitError(cure(variable, _quoted(given), value))
    return value


def _quoted(given: object) -> str:
    """A foreign value as a problem may repeat it: its kind, or its beginning."""
    if given is None:
        return "null"
    if isinstance(given, dict | list):
        return "an object" if isinstance(given, dict) else "a list"
    text = given if isinstance(given, str) else repr(given)
    return repr(text if len(text) <= 40 else text[:40] + "...")
