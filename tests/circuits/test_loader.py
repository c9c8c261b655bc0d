from __future__ import annotations

import contextlib
import os
import time
import tracemalloc
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circuits.errors import CircuitError, UnknownCircuitError
from circuits.folder import LIBRARY
from circuits.loader import load_circuit
from tests.circuits.small import DUT, NETLIST, YAML, folder


def refused(path: Path, yaml_text: str = YAML, **files: str | bytes) -> str:
    with pytest.raises(CircuitError) as raised:
        load_circuit(folder(path, yaml_text, **files))
    assert all(finding.cure for finding in raised.value.findings)
    return str(raised.value)


def test_loads(tmp_path: Path) -> None:
    found = load_circuit(folder(tmp_path))
    assert found.parameters == {"vdd": 2.0, "cl": 10e-12}
    assert (found.variables[0].high, found.variables[1].low) == (1e5, 0.12e-6)
    assert found.specs()[0].threshold == 1e6
    assert found.files == {"ac.cir": NETLIST, "sub/dut.cir": DUT}
    assert found.corners[1].parameters == {"vdd": 1.8}


def test_one_mistake_is_one_line(tmp_path: Path) -> None:
    for old, new, said in (
        ("norm: 60", "norm: 0", "spec_sets.0.specs.0.norm: Input should be greater than 0"),
        ("weight: 1", "weight: -1", "direction > and weight -1 pull apart"),
    ):
        problems = refused(tmp_path, YAML.replace(old, new)).splitlines()
        assert len(problems) == 1, problems
        assert problems[0].startswith("circuit.yaml:20: ")
        assert said in problems[0]


def test_relative_path_and_library_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    assert load_circuit("mine") == load_circuit(tmp_path / "mine")
    assert load_circuit("two_stage_amplifier").name == "two_stage_amplifier"


@pytest.mark.parametrize("name", ["nope", "", "a\0b", "x" * 5000, "/", "circuit.yaml", "~"])
def test_unknown_circuit(name: str) -> None:
    with pytest.raises(UnknownCircuitError) as raised:
        load_circuit(name or "no/such")
    assert "circuit.yaml" in str(raised.value)


def test_a_library_circuit_works_when_copied(tmp_path: Path) -> None:
    original = load_circuit("two_stage_amplifier")
    for path in (LIBRARY / original.name).iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert load_circuit(tmp_path) == original


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("low: 10, high: 100k", "low: 10, high: 10", 5, "empty range [10, 10]; low must be less"),
        ("low: 0.12u", "low: 0.12x", 8, "low: '0.12x': 'x' is no SI prefix here"),
        ("low: 0.12u", "low: 5M", 8, "m is milli, meg is mega"),
        ("low: 0.12u", "low: [1]", 8, "variables.1.low: Input should be a valid number"),
        ("low: 0.12u", "low: .inf", 8, "variables.1.low: Input should be a finite number"),
        ("metric: gain", "metric: gian", 20, "spec: unknown metric 'gian'; known are gain, loss"),
        ("variables: [r1]", "variables: [r2]", 11, "device group upper: unknown variable 'r2'"),
        ("expression: 1 / gain", "expression: gain.real", 16, "only numbers, names"),
        ("parameters: {vdd: 1.8}", "parameters: {vss: 1.8}", 23, "unknown parameter 'vss'"),
        ("name: w1", "name: r1", 6, "variable 'r1' is there twice; rename one"),
        ("name: loss", "name: gain", 16, "metric 'gain' is there twice"),
        ("    unit: m\n", "    unit: m\n    colour: red\n", 8, "colour: Extra inputs are not"),
        ("    high: 50u\n", "", 6, "variables.1.high: Field required"),
        ("    high: 50u\n", "    high: 50u\n    high: 60u\n", 10, "'high' is there twice"),
        ("title: Voltage divider", "title: [", 4, "Mend the YAML syntax there"),
        ("title: Voltage", "title: &a Voltage", 2, "it uses YAML anchors"),
        ("title: Voltage divider", "title: !!python/name:os.system x", 2, "it uses a YAML tag"),
        ("title: Voltage divider", "files: {a: b}", 2, "files are not listed here"),
        ("title: Voltage divider\n", "", None, "title: Field required"),
        ("title: Voltage divider", "title: 2001-99-99", None, "unreadable value"),
        ("title: Voltage divider", "title: " + "9" * 5000, None, "unreadable value"),
        ("title: Voltage divider", "title: \x07", None, "special characters are not allowed"),
        ("title: Voltage divider", "title: " + "[" * 50, 2, "it is nested too deeply"),
        ("netlist: ac.cir", "netlist: no.cir", 13, "testbench netlist 'no.cir': no such file"),
        ("netlist: ac.cir", "netlist: sub", 13, "testbench netlist 'sub': no such file"),
        ("netlist: ac.cir", "netlist: ../x.cir", 13, "leads out of the circuit's folder"),
        ("netlist: ac.cir", "netlist: /etc/passwd", 13, "leads out of the circuit's folder"),
        ("netlist: ac.cir", 'netlist: "a\\0b"', 13, "leads out of the circuit's folder"),
        ("netlist: ac.cir", "netlist: " + "x" * 3000, 13, "no such file"),
        ("netlist: ac.cir", "netlist: 5", 13, "testbenches.0.netlist: Input should be a valid str"),
    ],
)  # fmt: skip
def test_errors_name_file_and_line(
    tmp_path: Path, old: str, new: str, line: int | None, problem: str
) -> None:
    assert YAML.count(old) == 1
    message = refused(tmp_path, YAML.replace(old, new))
    place = "circuit.yaml: " if line is None else f"circuit.yaml:{line}: "
    assert message.startswith(place), message
    assert problem in message


@pytest.mark.parametrize("text", ["", "- 1\n", "just text", "5", "null"])
def test_no_mapping(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path, text) == (
        "circuit.yaml:1: it is no mapping. Start with `name: my_circuit`"
    )


def test_alias_bomb_is_refused_at_once(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
    )
    started = time.monotonic()
    assert "circuit.yaml:1: it uses YAML anchors" in refused(tmp_path, bomb)
    assert time.monotonic() - started < 10


def test_deep_and_long_yaml_is_refused_at_once(tmp_path: Path) -> None:
    started = time.monotonic()
    assert "nested too deeply" in refused(tmp_path, "a: " + "[" * 100_000)
    assert "over 200000 characters" in refused(tmp_path, "a: " + "x" * 200_000)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"ac__cir": NETLIST.replace("sub/dut.cir", "no.cir")}, "ac.cir:2: include 'no.cir': no"),
        ({"ac__cir": NETLIST.replace("sub/dut", "../../etc/dut")}, "ac.cir:2: include '../../etc"),
        ({"ac__cir": NETLIST.replace("sub/dut.cir", "/etc/passwd")}, "leads out of the circuit"),
        ({"sub/dut__cir": ".inc '../../x'"}, "sub/dut.cir:1: include '../../x' leads out of the"),
        ({"ac__cir": b"* t\n\xff\n"}, "ac.cir:2: not UTF-8 text. Save it as UTF-8"),
        ({"ac__cir": b"* t\n" + b"x" * 4_000_001}, "ac.cir: over 4000000 bytes long"),
        ({"circuit__yaml": b"\xff\xfe"}, "circuit.yaml:1: not UTF-8 text"),
        ({"ac__cir": "* t\n.include ../../models/nope.mod"}, "include '../../models/nope.mod': no"),
    ],
)  # fmt: skip
def test_netlist_files(tmp_path: Path, files: dict[str, str | bytes], message: str) -> None:
    assert message in refused(tmp_path, **files)


def test_an_endless_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = folder(tmp_path)
    with (path / "ac.cir").open("ab") as file:
        file.truncate(100_000_000)
    tracemalloc.start()
    with pytest.raises(CircuitError, match="over 4000000 bytes long"):
        load_circuit(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


def test_include_circles_end_here_and_are_told_by_the_check(tmp_path: Path) -> None:
    found = load_circuit(folder(tmp_path, **{"sub/dut__cir": ".include ../ac.cir\n"}))
    assert sorted(found.files) == ["ac.cir", "sub/dut.cir"]


def test_links_may_not_lead_out(tmp_path: Path) -> None:
    path = folder(tmp_path / "c")
    (path / "ac.cir").unlink()
    (tmp_path / "secret").write_text("secret")
    (path / "ac.cir").symlink_to(tmp_path / "secret")
    with pytest.raises(CircuitError, match="leads out of the circuit's folder"):
        load_circuit(path)
    (path / "ac.cir").unlink()
    (path / "ac.cir").symlink_to("ac.cir")
    with pytest.raises(CircuitError):
        load_circuit(path)


def test_links_within_the_folder_are_fine(tmp_path: Path) -> None:
    path = folder(tmp_path)
    (path / "ac.cir").rename(path / "real.cir")
    (path / "ac.cir").symlink_to("real.cir")
    assert sorted(load_circuit(path).files) == ["ac.cir", "sub/dut.cir"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file(tmp_path: Path) -> None:
    path = folder(tmp_path)
    (path / "ac.cir").chmod(0)
    with pytest.raises(CircuitError, match=r"ac\.cir: cannot be read"):
        load_circuit(path)


def test_title_lines_and_comments_include_nothing(tmp_path: Path) -> None:
    text = ".include title.cir\n* .include a.cir\n; .include b.cir\n" + NETLIST.split("\n", 1)[1]
    assert load_circuit(folder(tmp_path, ac__cir=text)).files["ac.cir"] == text


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["r1", "gain", "1u", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "specs", "metric", "r1", "low"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


def _paths(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items = (
        list(value.items()) if isinstance(value, dict)
        else list(enumerate(value)) if isinstance(value, list) else []
    )  # fmt: skip
    return [path, *[found for key, item in items for found in _paths(item, (*path, key))]]


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_wrong_types_anywhere_are_circuit_errors(tmp_path: Path, data: st.DataObject) -> None:
    """Any value in any place of circuit.yaml loads or is a CircuitError, never anything else."""
    content = yaml.safe_load(YAML)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from([p for p in _paths(content) if p]))
        inner = content
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = data.draw(ANY)
    with contextlib.suppress(CircuitError):
        load_circuit(folder(tmp_path, yaml.safe_dump(content)))


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(max_size=60), st.integers(0, len(YAML)), st.integers(0, 40))
def test_damaged_text_is_a_circuit_error(tmp_path: Path, text: str, place: int, cut: int) -> None:
    damaged = (YAML[:place] + text + YAML[place + cut :]).encode("utf-8", "replace")
    with contextlib.suppress(CircuitError):
        load_circuit(folder(tmp_path, circuit__yaml=damaged))
