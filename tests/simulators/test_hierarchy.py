from __future__ import annotations

import pytest

from circuits.errors import CircuitError
from simulators.netlist.card import read_cards
from simulators.netlist.hierarchy import Hierarchy


def paths(*lines: str) -> list[str]:
    return list(Hierarchy(read_cards({"b": "\n".join(["* t", *lines])}, "b")).mos_paths)


def test_top_level_and_nested() -> None:
    assert paths(
        "M0 a b 0 0 nch", "XDUT a b amp w = 1u", ".subckt amp a b", "m1 a b 0 0 nch",
        "xin a b pair", ".ends amp", ".subckt pair a b", "m2 a b 0 0 nch", "r1 a b 1", ".ends",
    ) == ["m0", "xdut.m1", "xdut.xin.m2"]  # fmt: skip


def test_definition_within_a_definition() -> None:
    assert paths(
        "x1 a amp", ".subckt amp a", ".subckt leaf a", "m2 a a 0 0 n", ".ends", "m1 a a 0 0 n",
        "x2 a leaf", ".ends",
    ) == ["x1.m1", "x1.x2.m2"]  # fmt: skip


def test_subcircuit_in_itself() -> None:
    with pytest.raises(CircuitError, match=r"b:4: subcircuit 's' is nested in itself"):
        paths("x1 a s", ".subckt s a", "x2 a s", ".ends")


def test_a_bomb_is_counted_and_not_expanded() -> None:
    lines = ["x1 a s0"]
    for level in range(12):
        lines += [f".subckt s{level} a", *[f"x{n} a s{level + 1}" for n in range(10)], ".ends"]
    lines += [".subckt s12 a", "m1 a a 0 0 n", ".ends"]
    with pytest.raises(CircuitError, match="over 50000 instances and parameters"):
        paths(*lines)
