"""From values to prompts: a circuit, its specs and examples become messages."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Literal, TypedDict

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template

from circuits.definition import Circuit
from circuits.objective import Aim, Objective
from circuits.spec import Direction, Spec
from circuits.units import format_quantity
from circuits.variable import Scale, Variable
from prompts.demonstration import Demonstration, show_spec
from prompts.netlists import shown_netlists
from prompts.text import fenced, one_line
from prompts.version import PROMPT_VERSION

_MOST_PROBLEMS = 30
_MEET_SPECS = Objective()


class PromptMessage(TypedDict):
    """One message of a prompt."""

    role: Literal["system", "user"]
    content: str


def zero_shot(circuit: Circuit, specs: Sequence[Spec], count: int) -> list[PromptMessage]:
    """The prompt for `count` designs from the circuit's description alone."""
    return few_shot(circuit, specs, (), count)


def few_shot(
    circuit: Circuit,
    specs: Sequence[Spec],
    demonstrations: Sequence[Demonstration],
    count: int,
    objective: Objective = _MEET_SPECS,
) -> list[PromptMessage]:
    """The prompt for `count` designs with examples, best first.

    The specs are shown with the very thresholds that the objective uses; the figure of merit is
    not shown (ADO-LLM, ICCAD 2024): the model is to reason on the circuit, not on the score.
    """
    user = _template("user.jinja").render(
        circuit=circuit,
        specs=specs,
        demonstrations=demonstrations,
        count=count,
        netlists=shown_netlists(circuit),
        aims=[_aim(aim) for aim in objective.aims],
    )
    return [
        {"role": "system", "content": _template("system.jinja").render().strip()},
        {"role": "user", "content": user.strip()},
    ]


def repair(problems: Sequence[str], count: int) -> PromptMessage:
    """The message that goes on with a conversation whose answer left `count` designs missing."""
    shown = list(problems[:_MOST_PROBLEMS])
    hidden = len(problems) - len(shown)
    text = _template("repair.jinja").render(problems=shown, hidden=hidden, count=count)
    return {"role": "user", "content": text.strip()}


@cache
def _environment() -> Environment:
    folder = files("prompts") / "templates" / PROMPT_VERSION
    environment = Environment(
        loader=FunctionLoader(lambda name: (folder / name).read_text("utf-8")),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 (plain text for a model, never HTML)
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"one_line": one_line, "fenced": fenced}
    environment.globals |= {
        "quantity": format_quantity,
        "show_range": _range,
        "show_spec": show_spec,
    }
    return environment


def _template(name: str) -> Template:
    return _environment().get_template(name)


def _aim(aim: Aim) -> str:
    return f"a {'larger' if aim.direction is Direction.ABOVE else 'smaller'} {aim.metric}"


def _range(variable: Variable) -> str:
    """Range, axis and grid of a variable in words."""
    unit = variable.unit
    text = f"{format_quantity(variable.low, unit)} to {format_quantity(variable.high, unit)}"
    if variable.scale is Scale.INTEGER:
        return f"{text}, whole numbers"
    text += f", {variable.scale.value} axis"
    if variable.grid is not None:
        text += f", in steps of {format_quantity(variable.grid, unit)}"
    return text
