"""Plain `ngspice -b`, a fresh process each time: what our results are held against."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from simulators.netlist.card import read_cards
from simulators.netlist.flat import REFERENCE
from simulators.netlist.flatten import NO_TECHNOLOGY, Technology, flatten

TIGHT = ".options reltol=1e-12 abstol=1e-18 vntol=1e-13 gmin=1e-12 itl1=1000"
"""So tight that what remains is a difference of the circuits and not of the solver."""
HSA = "set ngbehavior=hsa\nset ng_nomodcheck\n"
"""The `.spiceinit` that PDKs ask for."""
_PRINTED = re.compile(r"(?m)^(\S+) = ([-+.\deE]+)(?:,([-+.\deE]+))?\s*$")


def said(text: str, init: str = "") -> str:
    """What `ngspice -b` says to a netlist; `init` is its `.spiceinit`."""
    with tempfile.TemporaryDirectory(prefix="ado-test-") as name:
        folder = Path(name)
        (folder / ".spiceinit").write_text(init, encoding="ascii")
        (folder / "deck.cir").write_text(text, encoding="utf-8")
        environment = {**os.environ, "HOME": name, "OMP_THREAD_LIMIT": "1", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            ["ngspice", "-b", "deck.cir"], cwd=name, env=environment, capture_output=True,
            text=True, check=False, timeout=120,
        )  # fmt: skip
    return done.stdout + done.stderr


def printed(text: str, commands: Sequence[str], init: str = "") -> dict[str, complex]:
    """Every `name = value` that ngspice prints for these commands, names in lower case."""
    control = [".control", "set numdgt=17", *commands, ".endc", ".end", ""]
    output = said("\n".join([text, *control]), init)
    found = {
        name.lower(): complex(float(real), float(imaginary or 0))
        for name, real, imaginary in _PRINTED.findall(output)
    }
    assert found, f"ngspice printed nothing: {output[-1000:]}"
    return found


def operating_point(text: str, init: str = "") -> dict[str, complex]:
    """Voltages (V) and branch currents (A) of the operating point."""
    return printed(text, ["op", "print all"], init)


def small_signal(text: str, init: str = "", frequency: float = 1e6) -> dict[str, complex]:
    """Complex voltages (V) and branch currents (A) at one frequency (Hz)."""
    return printed(text, [f"ac lin 1 {frequency!r} {frequency!r}", "print all"], init)


def flattened(
    text: str,
    values: Mapping[str, float] | None = None,
    technology: Technology = NO_TECHNOLOGY,
    sample: int = 0,
) -> str:
    """The netlist as we flatten it, for one design; the first line of `text` is its title."""
    given = {"mismatch_switch": float(sample != 0), "temper": 27.0, **(values or {})}
    flat = flatten(read_cards({"b.cir": text}, "b.cir"), given, technology)
    lines = flat.render(given, sample)
    return "\n".join(["* flat", *(_whole(line, flat.cards) for line in lines)])


def _whole(line: str, cards: Mapping[str, str]) -> str:
    return cards[line[1:]] if line.startswith(REFERENCE) else line


def differences(
    ours: Mapping[str, complex], theirs: Mapping[str, complex], floor: float = 1e-15
) -> Iterator[tuple[str, float]]:
    """(name, relative difference) of every value on either side; a missing one is infinite."""
    for name in sorted({*ours, *theirs}):
        if name not in ours or name not in theirs:
            yield name, float("inf")
        else:
            one, other = ours[name], theirs[name]
            yield name, abs(one - other) / max(abs(one), abs(other), floor)


def worst(ours: Mapping[str, complex], theirs: Mapping[str, complex]) -> tuple[float, str]:
    """The largest relative difference, and whose it is."""
    return max((difference, name) for name, difference in differences(ours, theirs))
