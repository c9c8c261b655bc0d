from __future__ import annotations

import pytest

from simulators.netlist.card import read_cards
from simulators.netlist.params import read_params


@pytest.mark.parametrize(
    ("card", "found"),
    [
        ("w1=5u l1=0.5u", {"w1": "5u", "l1": "0.5u"}),
        ("W1 = 5u", {"w1": "5u"}),
        ("a=1,b=2", {"a": "1", "b": "2"}),
        ("x={a + b} y='a*2' z=\"b\"", {"x": "{a + b}", "y": "'a*2'", "z": '"b"'}),
        ("x = 1 + 2 y=max(1, 2)", {"x": "{1 + 2}", "y": "{max(1, 2)}"}),
        ("x={a==b}", {"x": "{a==b}"}),
        ("x={a} y={b}", {"x": "{a}", "y": "{b}"}),
        ("x=-1e-6", {"x": "-1e-6"}),
    ],
)
def test_forms(card: str, found: dict[str, str]) -> None:
    assert dict(read_params(read_cards({"b": f"* t\n.param {card}"}, "b"))) == found


def test_those_of_subcircuits_are_their_own() -> None:
    text = "* t\n.param a=1\n.subckt s p\n.param a=2 b=3\n.ends\n.param c=4"
    assert dict(read_params(read_cards({"b": text}, "b"))) == {"a": "1", "c": "4"}
