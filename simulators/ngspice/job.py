"""What goes over the pipe to a host and back: plain data, one JSON object a line."""

from __future__ import annotations

from typing import Literal, TypedDict


class BenchTemplate(TypedDict):
    """The part of a testbench's deck that is the same for every design."""

    name: str
    body: list[str]
    analyses: list[str]
    measures: list[tuple[str, str, str]]
    """(name, analysis, command)."""
    devices: list[str]
    """MOS paths whose operating point is wanted; empty for none."""


class BenchNumbers(TypedDict):
    """The lines that differ from design to design, of one testbench in one corner."""

    bench: int
    lines: list[str]


class Ready(TypedDict):
    """A host's first words."""

    version: str
    missing: str
    """Why libngspice cannot be used; empty when it can."""


class Load(TypedDict):
    """Keep these templates for the runs that follow."""

    op: Literal["load"]
    benches: list[BenchTemplate]


class Run(TypedDict):
    """Simulate these decks, in order, stopping at the first netlist that ngspice refuses."""

    op: Literal["run"]
    decks: list[BenchNumbers]


class BenchReply(TypedDict):
    """What came out of one deck."""

    measures: dict[str, float | None]
    devices: dict[str, dict[str, float]]
    failure: str | None
    """A `FailureKind`, or None."""
    message: str


class Answer(TypedDict):
    """What came out of a run, a deck each, fewer than asked for after a refused netlist."""

    decks: list[BenchReply]
    gone: bool
    """Whether the host has ended itself."""
