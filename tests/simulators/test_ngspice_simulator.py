from __future__ import annotations

import gc
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from circuits.definition import Circuit, Corner
from circuits.folder import LIBRARY
from circuits.loader import library_names, load_circuit
from simulators.netlist.deck import Deck
from simulators.ngspice.errors import HostStartError, LibraryMissingError, SimulatorClosedError
from simulators.ngspice.export import sized_netlists
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.result import FailureKind, SimulationResult
from simulators.starting import starting_design
from tests.simulators.small import DIVIDER, SLOW, circuit

AMPLIFIER = load_circuit("two_stage_amplifier")
ROOT = LIBRARY.parents[1]


def designs(found: Circuit, count: int, seed: int = 1) -> list[dict[str, float]]:
    rng = random.Random(seed)
    return [found.from_unit([rng.random() for _ in found.variables]) for _ in range(count)]


def batch(folder: Path, name: str, text: str) -> dict[str, float]:
    """The measures that a fresh `ngspice -b` prints, read with a pattern of our own."""
    (folder / name).write_text(text, encoding="utf-8")
    said = subprocess.run(
        ["ngspice", "-b", name], cwd=folder, capture_output=True, text=True, timeout=60,
        check=False, env={**os.environ, "OMP_THREAD_LIMIT": "1", "HOME": str(folder)},
    ).stdout  # fmt: skip
    return {n: float(v) for n, v in re.findall(r"(?m)^(\w+)\s+=\s+([-+.\deE]+)", said)}


def by_hand(name: str, m: dict[str, float]) -> dict[str, float | None]:
    """Metrics of the library circuits from their measures, written once more."""
    nan = math.nan
    power = -2.0 * m.get("idd", nan)
    if name == "two_stage_amplifier":
        gain = m.get("gain", nan)
        phase = math.degrees(m.get("phase", nan))
        found = {
            "gain": gain,
            "cmrr": gain - m.get("common_mode_gain", nan),
            "gbw": m.get("gbw", nan),
            "pm": phase % 360 - 180,
            "power": power,
        }
    else:
        up, down = m.get("threshold_up", nan), m.get("threshold_down", nan)
        found = {
            "gain": m.get("gain", nan),
            "ugf": m.get("ugf", nan),
            "hysteresis": abs(up - down),
            "offset": abs(up + down) / 2,
            "power": power,
        }
    return {name: None if math.isnan(value) else value for name, value in found.items()}


def fresh(folder: Path, deck: Deck, lines: list[str]) -> dict[str, float]:
    """The deck's measures by a fresh `ngspice -b`: the very lines, measures asked as commands."""
    asks = [line[1:] for line in lines if line.startswith(".meas ")]
    control = [".control", "set numdgt=17", "run"]
    for measure, ask in zip(deck.measures, asks, strict=True):
        control += [f"setplot {measure.analysis}1", ask, f"print {measure.name}"]
    rest = [line for line in lines[:-1] if not line.startswith(".meas ")]
    init = "set ng_nomodcheck\n" if deck.unchecked else ""
    (folder / ".spiceinit").write_text(init, encoding="ascii")
    return batch(folder, "deck.cir", "\n".join([*rest, *control, "quit", ".endc", ".end", ""]))


@pytest.mark.parametrize("name", library_names())
def test_equals_a_fresh_ngspice_bit_for_bit(name: str, tmp_path: Path) -> None:
    found = load_circuit(name)
    sampled = [starting_design(found), *designs(found, 5)]
    with NgspiceSimulator(found) as simulator:
        results = simulator.run(sampled)
        decks = simulator.decks
    for values, result in zip(sampled, results, strict=True):
        for corner in found.corners:
            printed: dict[str, float | None] = dict.fromkeys(result.corners[corner.name].measures)
            for deck in decks:
                lines = deck.lines({**found.parameters, **values}, corner)
                printed |= fresh(tmp_path, deck, lines)
            assert result.corners[corner.name].measures == printed


@pytest.mark.parametrize("name", ["two_stage_amplifier", "hysteresis_comparator"])
def test_equals_the_exported_netlists(name: str, tmp_path: Path) -> None:
    """As their author wrote them: ngspice orders those otherwise, and comes to other last bits."""
    found = load_circuit(name)
    sampled = [starting_design(found), *designs(found, 9)]
    with NgspiceSimulator(found) as simulator:
        results = simulator.run(sampled)
    for values, result in zip(sampled, results, strict=True):
        printed: dict[str, float] = {}
        for file, text in sized_netlists(found, values).items():
            printed |= batch(tmp_path, file, text)
        expected = by_hand(name, printed)
        metrics = result.metrics()
        assert metrics.keys() == expected.keys()
        for key, value in expected.items():
            assert metrics[key] == (None if value is None else pytest.approx(value, rel=1e-4)), key
        assert (result.failure is None) == (None not in expected.values())
    assert any(result.failure is None for result in results)


@pytest.mark.parametrize("name", ["two_stage_amplifier", "hysteresis_comparator"])
def test_equals_the_users_own_files(name: str, tmp_path: Path) -> None:
    """The netlists as they lie in the folder, in plain ngspice, at their own sizes."""
    found = load_circuit(name)
    printed: dict[str, float] = {}
    for bench in found.testbenches:
        path = LIBRARY / name / bench.netlist
        text = path.read_text(encoding="utf-8").replace("bench.cir", str(path.parent / "bench.cir"))
        names = re.findall(r"(?m)^\.meas (\w+) (\w+)", text)
        asks = [f"setplot {analysis}1\n{line}" for (analysis, _), line in
                zip(names, re.findall(r"(?m)^\.(meas .*)$", text), strict=True)]  # fmt: skip
        text = re.sub(r"(?m)^\.meas.*\n", "", text)
        control = "\n".join([".control", "run", *asks, "quit", ".endc", ".end"])
        printed |= batch(tmp_path, bench.netlist, text.replace(".end\n", control))
    with NgspiceSimulator(found, processes=1) as simulator:
        [result] = simulator.run([starting_design(found)])
    expected = by_hand(name, printed)
    assert result.metrics() == {key: pytest.approx(v, rel=1e-4) for key, v in expected.items()}


def bits(results: list[SimulationResult]) -> list[tuple[object, ...]]:
    return [(r.corners, r.failure, r.message) for r in results]


def test_a_result_depends_on_the_design_alone() -> None:
    sampled = designs(AMPLIFIER, 6)
    with NgspiceSimulator(AMPLIFIER, processes=1) as one:
        first = bits(one.run(sampled))
        one.run(designs(AMPLIFIER, 200, seed=2))
        assert bits(one.run(sampled)) == first
        assert bits(one.run(sampled[::-1])) == first[::-1]
    with NgspiceSimulator(AMPLIFIER, processes=2) as two:
        assert bits(two.run(sampled)) == first
        assert len(two.host_pids()) == 2


def test_stream_gives_each_index_once() -> None:
    with NgspiceSimulator(AMPLIFIER, processes=2) as simulator:
        indices = [index for index, _ in simulator.stream(designs(AMPLIFIER, 9))]
    assert sorted(indices) == list(range(9))


def test_no_designs() -> None:
    with NgspiceSimulator(AMPLIFIER, processes=1) as simulator:
        assert simulator.run([]) == []
        assert simulator.host_pids() == []


def test_the_version_is_known_before_the_first_design() -> None:
    with NgspiceSimulator(AMPLIFIER, processes=1) as simulator:
        version = simulator.version
        assert re.fullmatch(r"ngspice-\d+(\.\d+)?", version)
        [result] = simulator.run(designs(AMPLIFIER, 1))
    assert result.simulator == version


@pytest.fixture
def divider() -> Iterator[NgspiceSimulator]:
    with NgspiceSimulator(circuit(DIVIDER), processes=1, time_limit=5) as simulator:
        yield simulator


R2 = 1e3


def expected_gain(r: float) -> object:
    return pytest.approx(R2 / (R2 + r), rel=1e-6)


def test_numpy_scalars(divider: NgspiceSimulator) -> None:
    [plain] = divider.run([{"r": 2000.0}])
    for value in (np.float64(2000), np.float32(2000), np.int64(2000)):
        assert bits(divider.run([{"r": float(value)}])) == bits([plain])
        assert bits(divider.run([{"r": value}])) == bits([plain])
        assert "r = 2kOhm" in sized_netlists(circuit(DIVIDER), {"r": value})["small.b0.cir"]


def test_version_seconds_and_measures(divider: NgspiceSimulator) -> None:
    [result] = divider.run([{"r": 2000.0}])
    assert re.fullmatch(r"ngspice-\d+(\.\d+)?", result.simulator)
    assert divider.version == result.simulator
    assert 0 < result.seconds < 5
    assert result.corners["nominal"].measures == {"gain": expected_gain(2000)}
    assert (result.failure, result.message) == (None, "")


def test_a_missing_variable_and_a_value_that_is_none(divider: NgspiceSimulator) -> None:
    with pytest.raises(KeyError, match="r"):
        divider.run([{}])
    with pytest.raises(ValueError, match="could not convert"):
        divider.run([{"r": "x"}])  # type: ignore[dict-item]
    assert divider.run([{"r": 1e3}])[0].failure is None


def test_a_crash_costs_a_retry(divider: NgspiceSimulator) -> None:
    divider.run([{"r": 1e3}])
    [pid] = divider.host_pids()
    os.kill(pid, signal.SIGKILL)
    [result] = divider.run([{"r": 2e3}])
    assert result.failure is None
    assert result.metrics()["gain"] == expected_gain(2e3)
    assert divider.host_pids() not in ([pid], [])


def test_killed_in_mid_task_then_works() -> None:
    with NgspiceSimulator(circuit(SLOW), processes=1, time_limit=1.0) as simulator:
        killer = Killer(simulator, times=1)
        [result] = simulator.run([{"r": 1e3}])
        killer.join()
    assert len(killer.killed) == 1
    assert result.failure is FailureKind.TIMEOUT  # the second try was left alone


def test_a_host_that_dies_each_time_is_a_crash() -> None:
    with NgspiceSimulator(circuit(SLOW), processes=1, time_limit=10) as simulator:
        killer = Killer(simulator, times=2)
        [result] = simulator.run([{"r": 1e3}])
        killer.join()
        assert len(set(killer.killed)) == 2
    assert result.failure is FailureKind.SIMULATOR_CRASH
    assert result.message == "the simulator host ended in mid-task (status -9)"
    assert result.corners == {}


class Killer(threading.Thread):
    """Kills each new host a moment after its task began."""

    def __init__(self, simulator: NgspiceSimulator, times: int) -> None:
        super().__init__(daemon=True)
        self.simulator, self.times, self.killed = simulator, times, list[int]()
        self.start()

    def run(self) -> None:
        deadline = time.monotonic() + 8
        while len(self.killed) < self.times and time.monotonic() < deadline:
            for pid in self.simulator.host_pids():
                if pid not in self.killed and processor_seconds(pid) > 0.4:
                    os.kill(pid, signal.SIGKILL)
                    self.killed.append(pid)
            time.sleep(0.02)


def processor_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_transient_without_end_is_killed_at_its_limit() -> None:
    text = SLOW.replace(".tran 1f 1", ".tran {1e-3/r} {1e-3*r}").replace("1g", "1")
    with NgspiceSimulator(circuit(text), processes=1, time_limit=0.5) as simulator:
        fast, slow = {"r": 1e3}, {"r": 1e4}
        took = []
        for _ in range(3):  # on a loaded machine one of them may be late for reasons of its own
            simulator.run([fast])
            before = simulator.host_pids()
            started = time.monotonic()
            [result] = simulator.run([slow])
            took.append(time.monotonic() - started)
            assert simulator.host_pids() == []
            assert not any(alive(pid) for pid in before)
            assert result.failure is FailureKind.TIMEOUT
            assert result.message == "the design took longer than 0.5 s"
    assert 0.5 <= min(took) < 10.0  # the transient would take minutes


def test_after_a_time_out_the_next_design_works() -> None:
    text = DIVIDER + "c1 out 0 1p\n.tran {1e-13*(r-999)**3} 1e-6\n"
    with NgspiceSimulator(circuit(text), processes=1, time_limit=0.5) as simulator:
        slow, fast = simulator.run([{"r": 1e3}, {"r": 1e4}])
    assert slow.failure is FailureKind.TIMEOUT
    assert fast.failure is None
    assert fast.metrics()["gain"] == expected_gain(1e4)


def test_no_convergence(tmp_path: Path) -> None:
    text = DIVIDER + "b1 x 0 i=exp(40*v(x))*(r-1e3)+1\nb2 y 0 v=1-2*sgn(v(y))*(r-1e3)\n"
    with NgspiceSimulator(circuit(text), processes=1, time_limit=10) as simulator:
        good, bad, again = simulator.run([{"r": 1e3}, {"r": 2e3}, {"r": 1e3}])
        assert bad.failure is FailureKind.NO_CONVERGENCE
        assert bad.message.startswith("b0: ")
        assert bad.metrics() == {"gain": None}
        assert bits([again]) == bits([good])


def test_what_ngspice_cannot_parse_ends_its_host_and_not_the_simulator() -> None:
    text = DIVIDER + "b9 x 0 v={nope*v(in)}\n"
    second = DIVIDER.replace("gain", "other")
    with NgspiceSimulator(circuit(text, second), processes=1) as simulator:
        [result] = simulator.run([{"r": 1e3}])
        assert simulator.host_pids() == []
        assert bits(simulator.run([{"r": 1e3}])) == bits([result])
    assert result.failure is FailureKind.BAD_NETLIST
    assert result.message.startswith("b0: b0.cir:8: ngspice gave up: ")
    assert result.corners["nominal"].measures == {"gain": None, "other": None}


def test_bad_for_one_design_only() -> None:
    text = DIVIDER + "r9 out 0 {1/(r-1e3)}\n"
    with NgspiceSimulator(circuit(text), processes=1) as simulator:
        bad, good = simulator.run([{"r": 1e3}, {"r": 2e3}])
    assert bad.failure is FailureKind.BAD_NETLIST
    assert good.failure is None


def test_a_refused_netlist_stops_the_design_there() -> None:
    benches = ["* t\nv1 a 0 1\nr1 a 0 {r} zork=1\n.op\n", SLOW]
    with NgspiceSimulator(circuit(*benches), processes=1, time_limit=20) as simulator:
        [result] = simulator.run([{"r": 1e3}])
    assert result.failure is FailureKind.BAD_NETLIST
    assert result.seconds < 5
    assert "b0: b0.cir:3: " in result.message


def test_a_measure_that_fails_leaves_the_others() -> None:
    text = DIVIDER + ".meas ac never when vm(out)=7\n.meas ac boltz when vm(out)=7\n"
    metrics = {"gain": "", "never": "", "boltz": "", "sum": "gain + never"}
    with NgspiceSimulator(circuit(text, metrics=metrics), processes=1) as simulator:
        [result] = simulator.run([{"r": 1e3}])
    assert result.failure is FailureKind.MEASURE_FAILED
    assert result.message == "b0: no value for never, boltz"
    assert result.metrics() == {
        "gain": expected_gain(1e3), "never": None, "boltz": None, "sum": None
    }  # fmt: skip


def test_a_metric_without_value_is_a_failure_too() -> None:
    found = circuit(DIVIDER, metrics={"gain": "", "loss": "ln(gain - 1)", "size": "2 * r * k"},
                    parameters={"k": 3})  # fmt: skip
    with NgspiceSimulator(found, processes=1) as simulator:
        [result] = simulator.run([{"r": 1e3}])
    assert result.failure is FailureKind.MEASURE_FAILED
    assert result.message == "no value for the metric loss"
    assert result.metrics()["size"] == 6e3


def test_corners() -> None:
    corners = (
        Corner(),
        Corner(name="hot", temperature=125, parameters={"k": 3}),
        Corner(name="cold", temperature=-40),
    )
    text = DIVIDER.replace("r2 out 0 1k", "r2 out 0 {1k*k} tc1=1e-3")
    found = circuit(text, corners=corners, parameters={"k": 1.0}, metrics={"gain": "", "kk": "k"})
    with NgspiceSimulator(found, processes=1) as simulator:
        [result] = simulator.run([{"r": 1e3}])
    for corner in corners:
        r2 = 1e3 * (3 if corner.name == "hot" else 1) * (1 + 1e-3 * (corner.temperature - 27))
        assert result.metrics(corner.name)["gain"] == pytest.approx(r2 / (r2 + 1e3), rel=1e-6)
        assert result.metrics(corner.name)["kk"] == (3 if corner.name == "hot" else 1)
        [text] = sized_netlists(found, {"r": 1e3}, corner).values()
        assert f".temp {corner.temperature}" in text


def test_measures_in_capitals() -> None:
    text = DIVIDER.replace("gain", "GAIN")
    with NgspiceSimulator(circuit(text, metrics={"gain": "GAIN"}), processes=1) as simulator:
        assert simulator.run([{"r": 1e3}])[0].metrics()["gain"] == expected_gain(1e3)


def test_a_caller_that_stops_early_leaves_the_pool_whole() -> None:
    with NgspiceSimulator(AMPLIFIER, processes=2) as simulator:
        for _ in range(3):
            stream = simulator.stream(designs(AMPLIFIER, 10) * 500)
            next(stream)
            stream.close()
        started = time.monotonic()
        simulator.run(designs(AMPLIFIER, 2))
        assert time.monotonic() - started < 1.0  # the 15,000 are not simulated first
        assert len(simulator.host_pids()) == 2
        for index, _ in simulator.stream(designs(AMPLIFIER, 50)):
            assert index < 50
            break
        assert len(simulator.run(designs(AMPLIFIER, 4))) == 4


def test_threads_share_a_simulator() -> None:
    sampled = designs(AMPLIFIER, 20)
    with NgspiceSimulator(AMPLIFIER, processes=2) as simulator:
        alone = bits(simulator.run(sampled))
        found: dict[int, object] = {}
        threads = [
            threading.Thread(target=lambda n=n: found.update({n: bits(simulator.run(sampled))}))
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert found == dict.fromkeys(range(4), alone)
        assert len(simulator.host_pids()) == 2


def test_close_in_mid_run() -> None:
    simulator = NgspiceSimulator(circuit(SLOW), processes=2, time_limit=60)
    raised: list[BaseException] = []

    def run() -> None:
        try:
            simulator.run([{"r": 1e3}] * 5)
        except SimulatorClosedError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: len(simulator.host_pids()) == 2)
    pids = simulator.host_pids()
    time.sleep(0.3)
    simulator.close()
    thread.join(5)
    assert not thread.is_alive()
    assert len(raised) == 1
    assert not any(alive(pid) for pid in pids)
    assert simulator.host_pids() == []


def test_closed() -> None:
    simulator = NgspiceSimulator(circuit(DIVIDER), processes=2)
    simulator.run([{"r": 1e3}])
    pids = simulator.host_pids()
    simulator.close()
    simulator.close()
    assert not any(alive(pid) for pid in pids)
    with pytest.raises(SimulatorClosedError, match="closed; open a new one"):
        simulator.run([{"r": 1e3}])
    assert simulator.host_pids() == []


@pytest.mark.parametrize("name", ["/nonexistent/libngspice.so", "libc.so.6"])
def test_no_libngspice(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADO_LIBNGSPICE", name)
    with NgspiceSimulator(circuit(DIVIDER), processes=2) as simulator:
        with pytest.raises(LibraryMissingError, match="apt-get install libngspice0"):
            simulator.run([{"r": 1e3}] * 3)
        monkeypatch.delenv("ADO_LIBNGSPICE")
        assert simulator.run([{"r": 1e3}])[0].failure is None


def test_start_up_files_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "mark"
    for folder in ("home", "cwd"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / ".spiceinit").write_text(f"shell touch {mark}\nset units=degrees\n")
        (tmp_path / folder / "json.py").write_text(f"open({str(mark)!r}, 'w')\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "cwd")
    with NgspiceSimulator(circuit(DIVIDER), processes=1) as simulator:
        assert simulator.run([{"r": 1e3}])[0].failure is None
    assert not mark.exists()


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, variable in (("home", "HOME"), ("tmp", "TMPDIR"), ("cwd", "PWD")):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / name))
    monkeypatch.chdir(tmp_path / "cwd")
    with NgspiceSimulator(circuit(DIVIDER), processes=2) as simulator:
        simulator.run([{"r": 1e3}] * 4)
        os.kill(simulator.host_pids()[0], signal.SIGKILL)
        simulator.run([{"r": 1e3}] * 4)
    with NgspiceSimulator(circuit(SLOW), processes=1, time_limit=0.2) as simulator:
        assert simulator.run([{"r": 1e3}])[0].failure is FailureKind.TIMEOUT
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["cwd", "home", "tmp"]


PARENT = """
import sys, threading, time
from simulators.ngspice.simulator import NgspiceSimulator
from tests.simulators.small import DIVIDER, SLOW, circuit
idle = NgspiceSimulator(circuit(DIVIDER), processes=1)
idle.run([{"r": 1e3}])
busy = NgspiceSimulator(circuit(SLOW), processes=1, time_limit=100)
threading.Thread(target=busy.run, args=([{"r": 1e3}],), daemon=True).start()
while not busy.host_pids():
    time.sleep(0.01)
time.sleep(0.5)
print(*idle.host_pids(), *busy.host_pids(), flush=True)
"""


@pytest.mark.parametrize("ending", ["kill", "exit"])
def test_hosts_end_with_their_parent(ending: str, tmp_path: Path) -> None:
    last = "time.sleep(60)" if ending == "kill" else ""
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT) + last],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 2
    if ending == "kill":
        assert all(alive(pid) for pid in pids)
        parent.kill()
    parent.wait(10)
    parent.stdout.close()
    until(lambda: not any(alive(pid) for pid in pids))
    assert list(tmp_path.iterdir()) == []


STARTING = PARENT.replace("time.sleep(0.5)\n", "")


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05, 0.1, 0.2])
def test_hosts_end_with_a_parent_killed_while_they_start(delay: float) -> None:
    """The host is told who its parent is: asking would name whoever inherits it."""
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(STARTING)], cwd=ROOT, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    time.sleep(delay)
    parent.kill()
    parent.wait(10)
    parent.stdout.close()
    until(lambda: not any(alive(pid) for pid in pids))


def test_memory_does_not_grow(divider: NgspiceSimulator) -> None:
    divider.run([{"r": 1e3}] * 300)
    [pid] = divider.host_pids()
    before = resident(pid)
    divider.run([{"r": 1e3}] * 1500)
    assert resident(pid) < before + 4 * 2**20


def test_no_thread_or_descriptor_is_left() -> None:
    def count() -> tuple[int, int]:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    with NgspiceSimulator(circuit(DIVIDER), processes=1) as simulator:
        simulator.run([{"r": 1e3}])
    before = count()
    for _ in range(3):
        with NgspiceSimulator(circuit(DIVIDER), processes=2) as simulator:
            simulator.run([{"r": 1e3}] * 4)
    until(lambda: max(a - b for a, b in zip(count(), before, strict=True)) <= 0)


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * 4096


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def until(condition: object, seconds: float = 5) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def test_a_host_that_does_not_start_is_no_designs_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", os.environ.get("LD_LIBRARY_PATH", ""))
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with (
        NgspiceSimulator(circuit(DIVIDER), processes=1) as simulator,
        pytest.raises(HostStartError, match="does not start"),
    ):
        simulator.run([{"r": 1e3}])


def test_a_deck_beyond_the_memory_limit_is_a_crash_and_no_bad_netlist() -> None:
    text = DIVIDER + "c1 out 0 1p\n.tran {1e-15*(r-999)**3} 1e-6\n"
    with NgspiceSimulator(circuit(text), processes=1, time_limit=20) as simulator:
        huge, fine = simulator.run([{"r": 1e3}, {"r": 1e4}])
    assert huge.failure is FailureKind.SIMULATOR_CRASH
    assert "memory" in huge.message
    assert fine.failure is None


def test_a_runaway_simulation_hits_the_memory_limit_of_its_host() -> None:
    with NgspiceSimulator(circuit(DIVIDER), processes=1) as simulator:
        simulator.run([{"r": 1e3}])
        [pid] = simulator.host_pids()
        limits = Path(f"/proc/{pid}/limits").read_text()
    assert re.search(r"Max address space +4294967296", limits)
    assert re.search(r"Max file size +0", limits)
    assert re.search(r"Max core file size +0", limits)
