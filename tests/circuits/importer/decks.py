"""Small decks for the importer: a circuit of one netlist, and what it measures."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from circuits.definition import Circuit
from circuits.errors import CircuitError, Finding
from circuits.loader import load_files
from simulators.ngspice.simulator import NgspiceSimulator

YAML = """\
name: deck
title: A deck of someone else
{syntax}parameters: {{{parameters}}}
variables:
  - {{name: r1, unit: Ohm, low: 1, high: 100k}}
testbenches:
  - {{name: bench, netlist: bench.sp}}
metrics:
{metrics}
spec_sets:
  - name: any
    specs:
      - {{metric: {first}, direction: ">", threshold: -1e30, norm: 1, weight: 1, penalty: -1e31}}
{corners}"""


def files(
    netlist: str,
    *metrics: str,
    syntax: str = "hspice",
    parameters: str = "",
    corners: str = "",
    **more: str,
) -> dict[str, str]:
    """An upload: `netlist` as `bench.sp`; a metric is `name` or `name: expression`."""
    pairs = [metric.partition(": ")[::2] for metric in metrics or ("x",)]
    lines = [
        f"  - {{name: {name}" + (f', expression: "{expression}"}}' if expression else "}")
        for name, expression in pairs
    ]
    text = YAML.format(
        syntax=f"syntax: {syntax}\n" if syntax else "",
        parameters=parameters,
        metrics="\n".join(lines),
        first=pairs[0][0],
        corners=corners,
    )
    return {"circuit.yaml": text, "bench.sp": netlist} | {
        name.replace("__", "."): text for name, text in more.items()
    }


def circuit(netlist: str, *metrics: str, **fields: str) -> Circuit:
    """See `files`."""
    return load_files(files(netlist, *metrics, **fields))


def findings(netlist: str, *metrics: str, **fields: str) -> tuple[Finding, ...]:
    """What the importer refuses."""
    with pytest.raises(CircuitError) as raised:
        circuit(netlist, *metrics, **fields)
    return raised.value.findings


def metrics(found: Circuit, **values: float) -> dict[str, dict[str, float | None]]:
    """Metrics by corner of one design (r1 = 1 kOhm unless given)."""
    with NgspiceSimulator(found, processes=1) as simulator:
        [result] = simulator.run([{"r1": 1000.0} | values])
    assert result.failure is None, result.message
    return {name: dict(corner.metrics) for name, corner in result.corners.items()}


def only(found: Circuit, **values: float) -> dict[str, float | None]:
    """Metrics in the one corner that there is."""
    [one] = metrics(found, **values).values()
    return one


def plain(path: Path, *options: str) -> dict[str, float]:
    """Every measure that `ngspice -b` prints for a netlist."""
    run = subprocess.run(
        ["ngspice", "-b", *options, path.name],
        cwd=path.parent, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    printed = re.findall(r"^(\w+)\s+=\s+(\S+)", run.stdout, re.MULTILINE)
    return {name: float(value) for name, value in printed if re.match(r"[-+.\d]", value)}
