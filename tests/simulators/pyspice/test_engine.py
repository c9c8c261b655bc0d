"""PySpice's engine with and without our filter, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from simulators.ngspice.errors import LibraryMissingError
from simulators.pyspice.simulator import PySpiceSimulator
from tests.simulators.farm.own_farm import ROOT
from tests.simulators.small import DIVIDER, circuit

STEPPING = """
import logging
import warnings
warnings.simplefilter("ignore")
logging.disable()
from PySpice.Spice.NgSpice.Shared import NgSpiceShared
from simulators.ngspice.library import library_name
from simulators.pyspice.shared import FilteredNgSpice

NgSpiceShared.LIBRARY_PATH = FilteredNgSpice.LIBRARY_PATH = library_name()
shared = {engine}()
# A latch, and a source that plain iteration does not settle: stepping does in the end.
shared.load_circuit('''* gmin stepping
vdd vdd 0 5
.model n npn is=1e-17 bf=200
r1 vdd a 1k
r2 vdd b 1k
q1 a b 0 n
q2 b a 0 n
b1 c 0 i=exp(40*v(c))-1e3
.op
.end''')
try:
    shared.run()
except Exception as error:
    print("raised", type(error).__name__)
print("note", "gmin stepping" in shared.stderr)
print("found", sorted(shared.plot(None, shared.last_plot))[:1])
"""


def run(engine: str) -> list[str]:
    said = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(STEPPING).format(engine=engine)],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},
    )  # fmt: skip
    return said.stdout.splitlines()


def test_a_note_is_no_error() -> None:
    assert run("FilteredNgSpice") == ["note True", "found ['a']"]


def test_pyspice_itself_raises_over_it() -> None:
    """Should it be mended one day, our filter can go."""
    assert run("NgSpiceShared")[0] == "raised NgSpiceCommandError"


def test_an_error_is_still_one() -> None:
    text = STEPPING.replace("shared.run()", "shared.exec_command('nonsense')")
    said = subprocess.run(
        [sys.executable, "-c", text.format(engine="FilteredNgSpice")],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert said.stdout.splitlines()[0] == "raised NgSpiceCommandError"


def test_no_libngspice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADO_LIBNGSPICE", "/nonexistent/libngspice.so")
    with (
        PySpiceSimulator(circuit(DIVIDER), processes=1) as pool,
        pytest.raises(LibraryMissingError, match="apt-get install libngspice0"),
    ):
        pool.run([{"r": 1e3}])


def test_without_pyspice() -> None:
    text = """
    import sys
    class Hidden:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == "PySpice":
                raise ImportError(name)
    sys.meta_path.insert(0, Hidden())
    from simulators.pyspice.netlist import from_pyspice
    try:
        from_pyspice(None, analyses=[], measures=[])
    except Exception as error:
        print(type(error).__name__, error)
    """
    said = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    assert said.startswith("LibraryMissingError PySpice is not installed: pip install")
