"""Operating regions of MOS devices from their DC operating points."""

from __future__ import annotations

import math
from collections.abc import Mapping

from simulators.result import DevicePoint, Region

DEVICE_VALUES = ("id", "gm", "gds", "vgs", "vds", "vdsat")
"""What is asked of ngspice for each MOS device, beside its threshold."""
THRESHOLDS = ("vth", "von")
"""Names of the threshold voltage: BSIM models have `vth`, the older levels 1 to 9 `von`."""
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
    """Operating point with its region, from ngspice's `@m[...]` values (A, S, V).

    ngspice normalises all of them to an NMOS, but for `von` and `vdsat` of a PMOS of level 1 to 9:
    those are negative.
    """
    point = {key: values[key] for key in DEVICE_VALUES}
    vth = values["vth"] if "vth" in values else values["von"]
    if math.copysign(1, point["vdsat"]) < 0:  # -0.0 where it is off
        point["vdsat"], vth = -point["vdsat"], -vth
    region = classify(point["vgs"], point["vds"], vth, point["vdsat"])
    return DevicePoint(region=region, vth=vth, **point)
