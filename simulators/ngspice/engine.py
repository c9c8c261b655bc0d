"""Runs one deck on libngspice and reads out what is wanted. Lives in the host process."""

from __future__ import annotations

import math

from simulators.ngspice.job import BenchReply, BenchTemplate
from simulators.ngspice.library import NgspiceLibrary
from simulators.regions import DEVICE_VALUES, THRESHOLDS
from simulators.result import FailureKind

_HISTORY_EVERY = 50
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
    """Loads, runs and clears one deck at a time; a result depends on that deck alone."""

    def __init__(self, library: NgspiceLibrary) -> None:
        self._library = library
        self._runs = 0

    def run(self, bench: BenchTemplate, numbers: list[str]) -> BenchReply:
        """Simulate `bench` with a design's `numbers`.

        Raises:
            LibraryExitError: ngspice ended itself; the process must be replaced.
        """
        library = self._library
        library.log.clear()
        lines = [f"* {bench['name']}", *numbers, *bench["body"], ".end"]
        try:
            library.circuit([line.encode() for line in lines])
            library.command("run")
            return self._read(bench)
        finally:
            self._clear()

    def _read(self, bench: BenchTemplate) -> BenchReply:
        plots = self._plots()
        missing = [analysis for analysis in bench["analyses"] if analysis not in plots]
        if missing or not self._complete():
            reason, said = self._why()
            return _reply({}, {}, reason, f"{bench['name']}: {said}")
        measures = self._measure(bench, plots)
        failed = [name for name, value in measures.items() if value is None]
        kind = FailureKind.MEASURE_FAILED.value if failed else None
        message = f"{bench['name']}: no value for {', '.join(failed)}" if failed else ""
        return _reply(measures, self._devices(bench, plots), kind, message)

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

    def _measure(self, bench: BenchTemplate, plots: dict[str, str]) -> dict[str, float | None]:
        values: dict[str, float | None] = {}
        current = ""
        for name, analysis, command in bench["measures"]:
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
        points = {path: self._device(path) for path in bench["devices"]}
        return {path: point for path, point in points.items() if point is not None}

    def _sweeps(self, plot: str) -> bool:
        self._library.command(f"setplot {plot}")
        scale = self._library.vector("v-sweep") or self._library.vector("i-sweep")
        return scale is None or len(scale) > 1

    def _device(self, path: str) -> dict[str, float] | None:
        """Operating point of the MOS at `path`: ngspice calls `xdut.mn1` `m.xdut.mn1`."""
        name = f"m.{path}" if "." in path else path
        found = {key: self._library.number(f"@{name}[{key}]") for key in DEVICE_VALUES}
        for key in THRESHOLDS:
            value = self._library.number(f"@{name}[{key}]")
            if value is not None:
                found[key] = value
                break
        known = {k: v for k, v in found.items() if v is not None and math.isfinite(v)}
        return known if len(known) == len(DEVICE_VALUES) + 1 else None

    def _clear(self) -> None:
        self._library.command("destroy all")
        self._library.command("remcirc")
        self._runs += 1
        if self._runs % _HISTORY_EVERY == 0:
            self._library.forget_history()


def _reply(
    measures: dict[str, float | None],
    devices: dict[str, dict[str, float]],
    failure: str | None,
    message: str,
) -> BenchReply:
    return BenchReply(measures=measures, devices=devices, failure=failure, message=message)
