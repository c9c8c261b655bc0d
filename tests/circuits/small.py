"""A circuit folder to write to disk, good until a test spoils it."""

from __future__ import annotations

from pathlib import Path

YAML = """\
name: divider
title: Voltage divider
parameters: {vdd: 2.0, cl: 10p}
variables:
  - {name: r1, unit: Ohm, low: 10, high: 100k, scale: log, role: upper resistor}
  - name: w1
    unit: m
    low: 0.12u
    high: 50u
device_groups:
  - {name: upper, devices: [r1], variables: [r1], structure: a resistor, function: divides}
testbenches:
  - {name: ac, netlist: ac.cir}
metrics:
  - {name: gain, unit: dB}
  - {name: loss, expression: 1 / gain}
spec_sets:
  - name: typical
    specs:
      - {metric: gain, direction: ">", threshold: 1meg, norm: 60, weight: 1, penalty: -1}
corners:
  - {name: nominal}
  - {name: hot, temperature: 85, parameters: {vdd: 1.8}}
"""
NETLIST = """* divider
.include sub/dut.cir
.ac lin 1 1 1
.meas ac gain max vdb(out)
"""
DUT = "r1 in out {r1}\nm1 a b c d nch w={w1}\n"


def folder(path: Path, yaml: str = YAML, **files: str | bytes) -> Path:
    """Writes the folder; `files` by name with `__` for a dot, `ac__cir` and such."""
    (path / "sub").mkdir(parents=True, exist_ok=True)
    texts: dict[str, str | bytes] = {"circuit.yaml": yaml, "ac.cir": NETLIST, "sub/dut.cir": DUT}
    texts |= {name.replace("__", "."): text for name, text in files.items()}
    for name, text in texts.items():
        raw = text.encode() if isinstance(text, str) else text
        (path / name).write_bytes(raw)
    return path
