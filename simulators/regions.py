"""Operating regions of MOS devices from their DC operating points."""

from __future__ import annotations

from collections.abc import Mapping

from simulators.result import DevicePoint, Region

_OFF_BELOW = 0.2
"""V below threshold at which a device counts as off: over two decades less current than at it."""


def classify(vgs: float, vds: float, vth: float, vdsat: float) -> Region:
    """The operating region of a device (all in V, polarity-normalised).

    `off` more than 0.2 V below threshold; `triode` where |vds| < vdsat, in weak inversion too,
    since it is no current source there either; `subthreshold` for weak inversion with enough
    drain voltage; else `saturation`.
    """
    if vgs < vth - _OFF_BELOW:
        return Region.OFF
    if abs(vds) < vdsat:
        return Region.TRIODE
    return Region.SUBTHRESHOLD if vgs < vth else Region.SATURATION


def device_point(values: Mapping[str, float]) -> DevicePoint:
    """Operating point with its region, from ngspice's `@m[...]` values (A, S, V)."""
    region = classify(values["vgs"], values["vds"], values["vth"], values["vdsat"])
    return DevicePoint(region=region, **values)


DEVICE_VALUES = ("id", "gm", "gds", "vgs", "vds", "vth", "vdsat")
"""What is asked of ngspice for each MOS device."""
