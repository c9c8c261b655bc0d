"""What a simulation of one design gives back."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class FailureKind(StrEnum):
    """Why a design has no or incomplete metrics. All are normal events of a sizing job."""

    SIMULATOR_CRASH = "simulator_crash"
    TIMEOUT = "timeout"
    NO_CONVERGENCE = "no_convergence"
    BAD_NETLIST = "bad_netlist"
    MEASURE_FAILED = "measure_failed"
    LOST_WORKER = "lost_worker"


class Region(StrEnum):
    """Operating region of a MOS device at its DC operating point."""

    SATURATION = "saturation"
    TRIODE = "triode"
    SUBTHRESHOLD = "subthreshold"
    OFF = "off"


class DevicePoint(BaseModel):
    """Operating point of one MOS device, polarity-normalised (PMOS values as for an NMOS).

    Attributes:
        region: see `simulators.regions.classify`.
        id: drain current, A. gm, gds: S. vgs, vds, vth, vdsat: V.
    """

    model_config = ConfigDict(frozen=True)

    region: Region
    id: float
    gm: float
    gds: float
    vgs: float
    vds: float
    vth: float
    vdsat: float


class CornerResult(BaseModel):
    """What was measured in one corner.

    Attributes:
        metrics: value by metric name, in the metric's unit; None where it could not be measured.
        measures: raw `.meas` results by name; None where the measure failed.
        devices: operating point by MOS instance path, such as `xn1` or `xdut.xn1`.
    """

    model_config = ConfigDict(frozen=True)

    metrics: dict[str, float | None] = Field(default_factory=dict)
    measures: dict[str, float | None] = Field(default_factory=dict)
    devices: dict[str, DevicePoint] = Field(default_factory=dict)


class SimulationResult(BaseModel):
    """A simulated design.

    Attributes:
        corners: results by corner name, of those that were simulated.
        skipped: what was not simulated because the design was not worth it (see
            `simulators.gating`): corners as `hot`, testbenches of the nominal corner as
            `nominal/ramp`. No failure.
        failure: why something is missing; None when every metric was measured wherever it was
            asked for.
        message: what the simulator said, for people.
        seconds: wall time of the simulation; of finding the result, for a cached one.
        simulator: name and version, such as `ngspice-39`.
        cached: whether an equal design was simulated before and this is its result.
        saved_seconds: wall time that a cached result once took to simulate; 0 otherwise.
    """

    model_config = ConfigDict(frozen=True)

    corners: dict[str, CornerResult] = Field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    failure: FailureKind | None = None
    message: str = ""
    seconds: float = 0.0
    simulator: str = ""
    cached: bool = False
    saved_seconds: float = 0.0

    def metrics(self, corner: str = "nominal") -> dict[str, float | None]:
        """Metrics in `corner`; empty when it was not measured."""
        found = self.corners.get(corner)
        return dict(found.metrics) if found is not None else {}
