"""Runs one deck on libngspice and reads out what is wanted. Lives in the host process."""

from __future__ import annotations

import math

from simulators.netlist.flat import REFERENCE
from simulators.ngspice.altered import Outline, outline
from simulators.ngspice.job import BenchReply, BenchTemplate
from simulators.ngspice.kept import MOST, KeptCircuits
from simulators.ngspice.library import NgspiceLibrary
from simulators.regions import DEVICE_VALUES, THRESHOLDS
from simulators.result import FailureKind

_HISTORY_EVERY = 50
_MEASURE = ".meas "
_UNFINISHED = {FailureKind.NO_CONVERGENCE.value, FailureKind.BAD_NETLIST.value}
"""Failures after which a circuit is not kept."""
_NO_CONVERGENCE = (
    "no convergence",
    "timestep too small",
    "singular matrix",
    "gmin stepping failed",
    "source stepping failed",
    "iteration limit",
    "simulation(s) aborted",
)
_NOISE = (
    "doing analysis",
    "reference value",
    "no. of data rows",
    "measurements for",
    "note:",
    "circuit:",
    "error: circuit not parsed",
)


class Engine:
    """Runs one deck at a time, loaded and cleared each time: its result depends on it alone.

    Decks of a `fast` testbench stay loaded, and the next of the same shape alters them in place.

    Args:
        library: libngspice.
        most: circuits that stay loaded.
    """

    def __init__(self, library: NgspiceLibrary, most: int = MOST) -> None:
        self._library = library
        self._kept = KeptCircuits(library, most)
        self._runs = 0

    def run(self, bench: BenchTemplate, numbers: list[str]) -> BenchReply:
        """Simulate `bench` with a design's `numbers`.

        Raises:
            LibraryExitError: ngspice ended itself; the process must be replaced.
        """
        commands = [line[1:] for line in numbers if line.startswith(_MEASURE)]
        given = [line for line in numbers if not line.startswith(_MEASURE)]
        self._library.log.clear()
        # Asked for at each load and each run of a circuit with BSIM4 devices.
        self._library.command(f"{'set' if bench['unchecked'] else 'unset'} ng_nomodcheck")
        if bench["fast"]:
            return self._fast(bench, given, commands)
        try:
            lines = _deck(bench, given)
            self._library.circuit([line.encode() for line in lines])
            return self._analyse(bench, commands)
        finally:
            self._clear()
            self._library.command("remcirc")

    def _fast(self, bench: BenchTemplate, given: list[str], commands: list[str]) -> BenchReply:
        """Alter a kept circuit; load one where there is none, or where that came to nothing."""
        wanted = outline([bench["name"], *given])
        if self._kept.alter(wanted):
            reply = self._checked(bench, wanted, commands)
            if reply["failure"] not in _UNFINISHED:
                return reply
        self._kept.load(wanted, _deck(bench, given))
        return self._checked(bench, wanted, commands)

    def _checked(self, bench: BenchTemplate, wanted: Outline, commands: list[str]) -> BenchReply:
        """Run the current circuit, and keep it if its analyses came to their end."""
        try:
            reply = self._analyse(bench, commands)
        finally:
            self._clear()
        if reply["failure"] == FailureKind.BAD_NETLIST:  # it may not even be loaded
            self._kept.forget()
        elif reply["failure"] in _UNFINISHED:
            self._kept.drop(wanted)
        return reply

    def _analyse(self, bench: BenchTemplate, commands: list[str]) -> BenchReply:
        self._library.command("run")
        return self._read(bench, commands)

    def _read(self, bench: BenchTemplate, commands: list[str]) -> BenchReply:
        plots = self._plots()
        missing = [analysis for analysis in bench["analyses"] if analysis not in plots]
        if missing or not self._complete():
            reason, said = self._why()
            return _reply({}, {}, reason, f"{bench['name']}: {said}")
        measures = self._measure(bench, commands, plots)
        failed = [name for name, value in measures.items() if value is None]
        kind = FailureKind.MEASURE_FAILED.value if failed else None
        message = f"{bench['name']}: no value for {', '.join(failed)}" if failed else ""
        reply = _reply(measures, self._devices(bench, plots), kind, message)
        if bench["nodes"]:
            reply["nodes"] = self._nodes(plots["op"])
        return reply

    def _nodes(self, plot: str) -> dict[str, float]:
        """Node voltages (V) of an operating point; branch currents and inner nodes have a `#`."""
        names = [name for name in self._library.vectors(plot) if "#" not in name]
        found = {name: self._library.number(f"{plot}.{name}") for name in names}
        return {n: v for n, v in found.items() if v is not None and math.isfinite(v)}

    def _plots(self) -> dict[str, str]:
        """Plot name by analysis (`ac` -> `ac3`), those of this run only."""
        return {
            name.rstrip("0123456789"): name for name in self._library.plots() if name != "const"
        }

    def _complete(self) -> bool:
        """Whether ngspice said nothing of an analysis that it gave up half-way."""
        log = "\n".join(self._library.log).lower()
        return not any(sign in log for sign in ("timestep too small", "simulation(s) aborted"))

    def _why(self) -> tuple[str, str]:
        """Failure kind and message from what ngspice printed."""
        said = [line.removeprefix("stderr ").removeprefix("stdout ") for line in self._library.log]
        log = "\n".join(said).lower()
        useful = [
            " ".join(line.split())
            for line in said
            if line.strip() and not line.strip().lower().startswith(_NOISE)
        ]
        message = "; ".join(useful[-6:]) or "ngspice gave no result and said nothing"
        hopeless = any(sign in log for sign in _NO_CONVERGENCE) and "not parsed" not in log
        kind = FailureKind.NO_CONVERGENCE if hopeless else FailureKind.BAD_NETLIST
        return kind.value, message

    def _measure(
        self, bench: BenchTemplate, commands: list[str], plots: dict[str, str]
    ) -> dict[str, float | None]:
        values: dict[str, float | None] = {}
        current = ""
        for (name, analysis), command in zip(bench["measures"], commands, strict=True):
            if analysis != current:
                self._library.command(f"setplot {plots[analysis]}")
                current = analysis
            values[name] = self._measured(name, command)
        return values

    def _measured(self, name: str, command: str) -> float | None:
        self._library.log.clear()
        self._library.command(command)
        # After a failure the name may still mean something else, such as the constant `c`.
        if any("failed" in line for line in self._library.log):
            return None
        value = self._library.number(name)
        return value if value is not None and math.isfinite(value) else None

    def _devices(self, bench: BenchTemplate, plots: dict[str, str]) -> dict[str, dict[str, float]]:
        if not bench["devices"]:
            return {}
        if "tran" in plots or ("dc" in plots and self._sweeps(plots["dc"])):
            self._library.command("op")  # sweeps and transients leave devices at their last point
        points = {path: self._device(name) for path, name in bench["devices"]}
        return {path: point for path, point in points.items() if point is not None}

    def _sweeps(self, plot: str) -> bool:
        self._library.command(f"setplot {plot}")
        scale = self._library.vector("v-sweep") or self._library.vector("i-sweep")
        return scale is None or len(scale) > 1

    def _device(self, name: str) -> dict[str, float] | None:
        """Operating point of the MOS that ngspice calls `name`, such as `m.xdut.mn1`."""
        found = {key: self._library.number(f"@{name}[{key}]") for key in DEVICE_VALUES}
        for key in THRESHOLDS:
            value = self._library.number(f"@{name}[{key}]")
            if value is not None:
                found[key] = value
                break
        known = {k: v for k, v in found.items() if v is not None and math.isfinite(v)}
        return known if len(known) == len(DEVICE_VALUES) + 1 else None

    def _clear(self) -> None:
        """Free the results, and now and then the history of commands."""
        self._library.command("destroy all")
        self._runs += 1
        if self._runs % _HISTORY_EVERY == 0:
            self._library.forget_history()


def _deck(bench: BenchTemplate, given: list[str]) -> list[str]:
    """The whole deck, model cards in the places of their names."""
    models = bench["models"]
    lines = [models[line[1:]] if line[0] == REFERENCE else line for line in given]
    return [f"* {bench['name']}", *lines, *bench["body"], ".end"]


def _reply(
    measures: dict[str, float | None],
    devices: dict[str, dict[str, float]],
    failure: str | None,
    message: str,
) -> BenchReply:
    return BenchReply(
        measures=measures, devices=devices, nodes={}, failure=failure, message=message
    )
