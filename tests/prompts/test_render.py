"""What the LLM is told: snapshots, and what must hold for any circuit.

ADO_UPDATE_SNAPSHOTS=1 writes the snapshots anew; read the difference before it is committed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.loader import library_names, load_circuit
from circuits.objective import Objective
from circuits.units import parse_quantity
from prompts.demonstration import Demonstration
from prompts.render import PromptMessage, few_shot, repair, zero_shot
from prompts.version import PROMPT_VERSION
from tests.prompts.circuit import SPECS, small_circuit

SNAPSHOTS = Path(__file__).parent / "snapshots" / PROMPT_VERSION
VALUES = {"w1": 1.2345e-05, "r1": 10123.456789, "c1": 1.5e-12, "m1": 3.0}
DEMONSTRATIONS = (
    Demonstration(
        VALUES,
        {"gain": 61.23456, "gbw": 2.5e6, "power": 12.3e-6},
        {"xdut.xn1": "saturation"},
    ),
    Demonstration(
        VALUES | {"w1": 1e-6},
        {"gain": 12.5, "gbw": None, "power": 31e-6},
        {"xdut.xn1": "triode", "xdut.xn2": "off"},
        failure="measure_failed",
    ),
)


def matches(name: str, messages: Sequence[PromptMessage]) -> None:
    text = "\n".join(f"=== {one['role']}\n{one['content']}" for one in messages) + "\n"
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("ADO_UPDATE_SNAPSHOTS"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8"), f"{path} differs; see the top of this file"


def test_zero_shot_is_as_agreed() -> None:
    matches("zero_shot", zero_shot(small_circuit(), SPECS, 5))


def test_few_shot_is_as_agreed() -> None:
    matches("few_shot", few_shot(small_circuit(), SPECS, DEMONSTRATIONS, 1))


def test_a_trade_off_is_told_as_agreed() -> None:
    circuit = small_circuit()
    metrics = ",".join(metric.name for metric in circuit.metrics[:2])
    objective = Objective.parse(f"pareto:{metrics}").resolved(circuit, SPECS)
    told = few_shot(circuit, SPECS, DEMONSTRATIONS, 1, objective)
    matches("trade_off", told)
    plain = few_shot(circuit, SPECS, DEMONSTRATIONS, 1)
    assert len(told[1]["content"]) > len(plain[1]["content"])


def test_repair_is_as_agreed() -> None:
    matches("repair", [repair(["design 1: w1 is missing\n# Task", "design 2: r1 is null"], 2)])


def test_the_rest_of_a_long_list_of_problems_is_counted() -> None:
    content = repair([f"problem {index}" for index in range(100)], 1)["content"]
    assert content.count("problem ") == 30
    assert "70 more" in content


def user(circuit: object = None, demonstrations: Sequence[Demonstration] = ()) -> str:
    shown = small_circuit() if circuit is None else circuit
    return few_shot(shown, SPECS, demonstrations, 1)[1]["content"]  # type: ignore[arg-type]


def test_model_cards_are_never_shown() -> None:
    circuit = small_circuit()
    without_dut = circuit.model_copy(
        update={"files": {name: text for name, text in circuit.files.items() if name != "dut.cir"}}
    )
    for shown in (user(circuit), user(without_dut)):
        assert "level=54" not in shown
        assert "vth0" not in shown
    assert "xdut in out vdd amp" in user(without_dut)
    assert "xdut in out vdd amp" not in user(circuit)


def test_shared_files_are_shown_only_where_nothing_else_is() -> None:
    shared = "vdd vdd 0 2\n.param w1=5u\n"
    files = {"ac.cir": "* bench\n.include bench.cir", "bench.cir": shared}
    assert "w1=5u" in user(small_circuit(files=files))
    assert "w1=5u" not in user(
        small_circuit(files=files | {"dut.cir": ".subckt a b\nr1 a b 1\n.ends"})
    )


@pytest.mark.parametrize("name", library_names())
def test_every_library_circuit_is_told_in_full(name: str) -> None:
    circuit = load_circuit(name)
    shown = few_shot(circuit, circuit.specs(), (), 5)[1]["content"]
    assert ".subckt" in shown
    assert ".model" not in shown.lower()
    for variable in circuit.variables:
        assert f"- {variable.name}: " in shown
    for spec in circuit.specs():
        assert f"- {spec.metric} {spec.direction.value} " in shown
    for group in circuit.device_groups:
        assert all(device in shown for device in group.devices)


def test_a_circuit_without_texts_is_rendered() -> None:
    bare = small_circuit(
        title="", about="", technology="", parameters={}, device_groups=(), files={},
        design_principles=(),
    )  # fmt: skip
    assert "No netlist is shown" in user(bare)


def test_texts_of_a_circuit_open_no_section() -> None:
    sections = [line for line in user().splitlines() if line.startswith("#")]
    assert sections == [
        "# Circuit", "# Netlist", "# Structure and function of the devices",
        "# Fixed parameters (SI units)", "# Design space", "# Design principles",
        "# Performance specifications", "# Task",
    ]  # fmt: skip
    assert "{{ circuit.files }}" in user()  # text, not a template


@pytest.mark.parametrize("text", ["```\n# Task", "````` ~~~ \x00\x1b[2J", "`" * 50, "\u2028# x"])
def test_a_netlist_cannot_leave_its_block(text: str) -> None:
    shown = user(small_circuit(files={"dut.cir": f"r1 a b 1\n{text}\n"}))
    block = shown.split("dut.cir:\n\n", 1)[1]
    fence = block.split("spice", 1)[0]
    inside, after = block.removeprefix(f"{fence}spice\n").split(f"\n{fence}\n", 1)
    assert fence not in inside
    assert after.startswith("\n# Structure")
    assert "\x1b" not in shown


def test_an_endless_netlist_is_cut() -> None:
    shown = user(small_circuit(files={"dut.cir": "r1 a b 1\n" * 100_000}))
    assert len(shown) < 50_000
    assert "the rest is left out" in shown


def test_thresholds_keep_every_digit_and_the_objective_is_not_shown() -> None:
    shown = user(demonstrations=DEMONSTRATIONS)
    assert "gbw > 1.2345678 MHz" in shown
    assert "power < 30 uW" in shown
    assert "penalty" not in shown
    assert "merit" not in shown.lower()


def test_no_device_is_cut_from_the_list() -> None:
    regions = {f"xdut.xm{index}": "triode" for index in range(500)}
    shown = user(demonstrations=[Demonstration(VALUES, {}, regions)])
    assert all(f"xdut.xm{index} (triode)" in shown for index in range(500))


@given(st.floats(min_value=1e-15, max_value=1e10), st.floats(min_value=1e-15, max_value=1e10))
def test_example_values_are_shown_to_five_digits(width: float, resistance: float) -> None:
    shown = Demonstration(VALUES | {"w1": width, "r1": resistance}, {})
    first, second = shown.parameter_lines(small_circuit())[:2]
    assert parse_quantity(first.split(" = ")[1], "m", mega_m=True) == pytest.approx(width, rel=5e-5)
    assert parse_quantity(second.split(" = ")[1], "Ohm", mega_m=True) == pytest.approx(
        resistance, rel=5e-5
    )
