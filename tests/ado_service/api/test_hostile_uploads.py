"""Uploads that mean harm: refused with a word, and nothing read, written or run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ado_service.api.body_limit import LARGEST_BODY
from ado_service.api.uploads import NEW_CIRCUITS
from tests.ado_service.api.live import Live
from tests.ado_service.api.test_errors import JSON, problem

FILES: dict[str, str] = NEW_CIRCUITS["divider"]["value"]["files"]
YAML, NETLIST = FILES["circuit.yaml"], FILES["ac.cir"]
MARK = "ado-was-here"


def send(live: Live, files: dict[str, str]) -> httpx.Response:
    return live.client.post("/v1/circuits", content=json.dumps({"files": files}), headers=JSON)


def netlist(*lines: str) -> dict[str, str]:
    """The divider with these lines before its last resistor."""
    return {**FILES, "ac.cir": NETLIST.replace("r2 out 0 1k", "\n".join([*lines, "r2 out 0 1k"]))}


def yaml(old: str, new: str) -> dict[str, str]:
    assert old in YAML
    return {**FILES, "circuit.yaml": YAML.replace(old, new)}


@pytest.fixture(autouse=True)
def _nothing_left(live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """After every upload: no circuit more, no file of ours, and the server well."""
    monkeypatch.chdir(tmp_path)
    before = [one["name"] for one in live.everything("/v1/circuits")]
    yield
    assert [one["name"] for one in live.everything("/v1/circuits")] == before
    for folder in (tmp_path, Path.home(), Path("/tmp")):
        assert not [path for path in folder.iterdir() if MARK in path.name]
    assert live.get("/v1/readyz")["checks"]["database"] == "ok"


PATHS = {
    "up": "../../etc/passwd",
    "up within": "sub/../../outside.cir",
    "absolute": "/etc/passwd",
    "NUL": "ac\0.cir",
    "newline": "ac\n.cir",
    "empty": "",
    "dot": ".",
    "folder": "sub/",
    "backslash": "..\\..\\x.cir",
    "long": "a" * 5000,
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_no_path_leads_out(live: Live, path: str) -> None:
    found = problem(send(live, {**FILES, path: "* x\n"}), 422, "invalid-circuit")
    assert found["findings"]


REFERENCES = {
    "include up": netlist(".include ../../../etc/passwd"),
    "include absolute": netlist(".include /etc/passwd"),
    "include quoted": netlist('.include "/etc/passwd"'),
    "include of home": netlist(".include ~/.bashrc"),
    "include variable": netlist(".include $HOME/.bashrc"),
    "include of a model elsewhere": netlist(".include models/../../../../etc/passwd"),
    "lib absolute": netlist(".lib /etc/passwd tt"),
    "lib up": netlist(".lib ../../../../etc/passwd tt"),
    "testbench up": yaml("netlist: ac.cir", "netlist: ../../../etc/passwd"),
    "testbench absolute": yaml("netlist: ac.cir", "netlist: /etc/passwd"),
    "testbench NUL": yaml("netlist: ac.cir", 'netlist: "ac\\0.cir"'),
    "codemodel": netlist(f".include {MARK}.so"),
}


@pytest.mark.parametrize("files", REFERENCES.values(), ids=REFERENCES)
def test_nothing_elsewhere_is_read(live: Live, files: dict[str, str]) -> None:
    answer = send(live, files)
    problem(answer, 422, "invalid-circuit")
    assert "root:" not in answer.text


def _control(*commands: str) -> dict[str, str]:
    return netlist(".control", *commands, ".endc")


PROGRAMS = {
    "shell": _control(f"shell touch /tmp/{MARK}"),
    "upper case": netlist(".CONTROL", f"shell touch /tmp/{MARK}", ".ENDC"),
    "backtick": netlist(f".param x=`touch /tmp/{MARK}`"),
    "write": _control(f"write /tmp/{MARK}"),
    "echo": _control(f"echo x > /tmp/{MARK}"),
    "codemodel": _control("codemodel /tmp/evil.cm"),
    "script title": {
        **FILES,
        "ac.cir": NETLIST.replace("* divider", "*ng_script *", 1) + "shell x",
    },
    "in an include": {**netlist(".include more.inc"), "more.inc": ".control\nshell x\n.endc\n"},
    "in a false branch": netlist(".if (0)", ".control", "shell x", ".endc", ".endif"),
    "continued": netlist(".con", "+trol", "shell x", ".endc"),
    "XSPICE": netlist("a1 [in] [out] prog", '.model prog d_process(process_file="/bin/sh")'),
    "source of a file": netlist("a1 %v([in]) fs", '.model fs filesource(file="/etc/passwd")'),
    "semicolon": netlist(f"r3 out 0 1k; shell touch /tmp/{MARK}", ".save all; quit"),
    "csparam": netlist(".csparam x='1'"),
    "output redirection": netlist(f".print ac v(out) > /tmp/{MARK}"),
    "measure": {**FILES, "ac.cir": NETLIST.replace("max vdb(out)", f"max vdb(out) > /tmp/{MARK}")},
    "quit in a name": netlist("r3 out 0 {quit}", "r4 $shell 0 1"),
    "escape": netlist("r3 out 0 1k \x1b[2J"),
    "NUL": netlist("r3 out 0 1k\0"),
}


@pytest.mark.parametrize("files", PROGRAMS.values(), ids=PROGRAMS)
def test_no_program_is_run(live: Live, files: dict[str, str]) -> None:
    answer = send(live, files)
    if answer.status_code == 201:  # harmless as it is read: a comment
        assert live.client.delete(answer.headers["location"]).status_code == 204
    else:
        problem(answer, 422, "invalid-circuit")


def _nested(depth: int, fan: int) -> list[str]:
    """Subcircuits of `fan` instances of the next one, `depth` deep."""
    lines = ["x0 out 0 s0"]
    for level in range(depth):
        inner = f"s{level + 1}"
        lines += [f".subckt s{level} a b", *(f"x{n} a b {inner}" for n in range(fan)), ".ends"]
    return [*lines, f".subckt s{depth} a b", "r1 a b 1meg", ".ends"]


def _brackets(count: int) -> str:
    return "(" * count + "1" + ")" * count


def _doubling_includes(depth: int) -> dict[str, str]:
    files = netlist(".include i0.inc")
    for level in range(depth):
        files[f"i{level}.inc"] = f".include i{level + 1}.inc\n.include i{level + 1}.inc\n"
    return {**files, f"i{depth}.inc": "r9 out 0 1k\n"}


BOMBS: dict[str, Callable[[], dict[str, str]]] = {
    "include of itself": lambda: {**netlist(".include a.inc"), "a.inc": ".include a.inc\n"},
    "includes in a ring": lambda: {
        **netlist(".include a.inc"), "a.inc": ".include b.inc\n", "b.inc": ".include a.inc\n",
    },
    "doubling includes": lambda: _doubling_includes(40),
    "subcircuits in subcircuits": lambda: netlist(*_nested(8, 30)),
    "a deep subcircuit": lambda: netlist(*_nested(2000, 1)),
    "a subcircuit of itself": lambda: netlist("x1 out 0 s", ".subckt s a b", "x1 a b s", ".ends"),
    "a recursive parameter": lambda: netlist(".param p={q} q={p}", "r3 out 0 {p}"),
    "a recursive function": lambda: netlist(".func f(x) {f(x)+1}", "r3 out 0 {f(1)}"),
    "a tower of powers": lambda: netlist(".param p={9**9**9**9}", "r3 out 0 {p}"),
    "a deep expression": lambda: netlist(f".param p={{{_brackets(5000)}}}"),
    "a deep metric": lambda: yaml("unit: dB}", f"expression: '{_brackets(3000)}'}}"),
    "a thousand points in nothing": lambda: {
        **FILES, "ac.cir": NETLIST.replace(".ac lin 1 1 1", ".ac lin 999999999 1 1g"),
    },
    "YAML anchors": lambda: {
        **FILES,
        "circuit.yaml": YAML + "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n"
            for n in range(9)
        ),
    },
    "YAML merge": lambda: {**FILES, "circuit.yaml": "a: &a {x: 1}\nb: {<<: *a}\n" + YAML},
    "YAML tag": lambda: yaml("Voltage divider", f"!!python/object/apply:os.system [touch {MARK}]"),
    "YAML depth": lambda: {**FILES, "circuit.yaml": YAML + "x: " + "[" * 20_000 + "]" * 20_000},
    "YAML of many lines": lambda: {**FILES, "circuit.yaml": YAML + "# \n" * 250_000},
    "YAML number": lambda: yaml("low: 1k", "low: " + "9" * 50_000),
    "no mapping": lambda: {**FILES, "circuit.yaml": "- 1\n"},
    "not YAML": lambda: {**FILES, "circuit.yaml": "{{{"},
    "empty": lambda: {**FILES, "circuit.yaml": ""},
    "no circuit.yaml": lambda: {"ac.cir": NETLIST},
    "many variables": lambda: yaml(
        "variables:\n", "variables:\n" + "".join(
            f"  - {{name: v{n}, unit: V, low: 0, high: 1}}\n" for n in range(3000)
        ),
    ),
    "a name that is a hash": lambda: yaml("name: divider", f"name: {'a' * 64}"),
    "not UTF-8": lambda: netlist("r3 out 0 1k \ud800"),
    "a name that is no UTF-8": lambda: {**FILES, "\udcff.cir": "x"},
    "YAML that is no UTF-8": lambda: yaml("Voltage divider", "\ud800"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_no_bomb_goes_off(live: Live, name: str) -> None:
    answer = send(live, BOMBS[name]())
    assert answer.status_code == 422, answer.text
    assert answer.json()["type"].endswith((":invalid-circuit", ":invalid-request"))
    assert answer.json().get("findings") or answer.json()["errors"]
    assert len(answer.content) < 100_000


def test_a_metric_that_no_number_can_hold_has_no_value(live: Live) -> None:
    answer = send(live, yaml("unit: dB}", 'unit: dB, expression: "9**9**9**9 + gain"}'))
    assert answer.status_code == 201, answer.text
    assert answer.json()["starting"]["metrics"] == {"gain": None}
    assert live.client.delete(answer.headers["location"]).status_code == 204


def test_ten_thousand_files(live: Live) -> None:
    files = {f"{place}.cir": "" for place in range(10_000)}
    problem(send(live, {**FILES, **files}), 422, "invalid-request")


def test_a_huge_file(live: Live) -> None:
    huge = {**FILES, "ac.cir": NETLIST + "* " + "x" * LARGEST_BODY}
    problem(send(live, huge), 413, "content-too-large")


def test_a_long_file_that_is_no_netlist(live: Live) -> None:
    for line in ("x" * 900_000, "r1 a b 1k\n" * 90_000, "+" * 900_000, "(" * 900_000):
        problem(send(live, netlist(line)), 422, "invalid-circuit")


@pytest.mark.parametrize(
    "body",
    [
        b'{"files": {"circuit.yaml": "\xff\xfe"}}',
        b'{"files": {"circuit.yaml": "a", "circuit.yaml": "b"}}',
        b'{"files": ' + b'{"a": ' * 5000 + b"1" + b"}" * 5001,
        b"\x00\x01\x02",
        b"",
    ],
)
def test_bodies_that_are_no_json_of_one_meaning(live: Live, body: bytes) -> None:
    problem(live.client.post("/v1/circuits", content=body, headers=JSON), 422, "invalid-request")


def test_a_form_is_no_upload(live: Live) -> None:
    files: Any = {"file": ("circuit.yaml", YAML)}
    answer = live.client.post("/v1/circuits", files=files)
    problem(answer, 415, "unsupported-media-type")
