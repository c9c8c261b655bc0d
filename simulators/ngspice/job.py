"""What goes over the pipe to a host and back: plain data, one JSON object a line."""

from __future__ import annotations

from typing import Literal, TypedDict


class BenchTemplate(TypedDict):
    """The part of a testbench's deck that is the same for every design."""

    name: str
    body: list[str]
    analyses: list[str]
    measures: list[tuple[str, str]]
    """(name, analysis)."""
    devices: list[tuple[str, str]]
    """(path, name in ngspice) of MOS devices whose operating point is wanted; empty for none."""
    models: dict[str, str]
    """Model cards by name, for lines `@NAME`; a host gets each when it first needs it."""
    nodes: bool
    """Whether the node voltages of the operating point are wanted."""
    unchecked: bool
    """Whether model parameters are taken as they are: a PDK asks for `ng_nomodcheck`."""
    fast: bool
    """Whether circuits stay loaded and are altered in place, where that gives the same."""


class BenchNumbers(TypedDict):
    """The lines that differ from design to design, of one testbench in one corner.

    A line `@NAME` stands for the model card NAME of the template, a line `.meas ...` for a
    command that is given after the analyses, in the order of the template's measures.
    """

    bench: int
    lines: list[str]


class Ready(TypedDict):
    """A host's first words."""

    version: str
    missing: str
    """Why libngspice cannot be used; empty when it can."""
    confinement: dict[str, str]
    """By step of `confine` why it does not hold; empty where it does."""


class Load(TypedDict):
    """Keep these templates for the runs that follow."""

    op: Literal["load"]
    benches: list[BenchTemplate]


class Run(TypedDict):
    """Simulate these decks, in order, stopping at the first netlist that ngspice refuses."""

    op: Literal["run"]
    decks: list[BenchNumbers]
    models: list[tuple[int, str, str]]
    """(testbench, name, card) of models that this host has not had before."""
    seconds: float
    """What the parent will wait; the host ends itself after as much processor time."""


class BenchReply(TypedDict):
    """What came out of one deck."""

    measures: dict[str, float | None]
    devices: dict[str, dict[str, float]]
    nodes: dict[str, float]
    """Voltages (V) by node, where they were wanted."""
    failure: str | None
    """A `FailureKind`, or None."""
    message: str


class Answer(TypedDict):
    """What came out of a run, a deck each, fewer than asked for after a refused netlist."""

    decks: list[BenchReply]
    gone: bool
    """Whether the host has ended itself."""
