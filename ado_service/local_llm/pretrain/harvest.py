"""Simulated designs to learn from: what a database holds after jobs with all kinds of specs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from circuits.definition import Circuit
from simulators.protocol import Simulator
from simulators.result import CornerResult, Region

Array = NDArray[np.float64]

REGIONS = tuple(region.value for region in Region)
_SPREAD_SHARE = 0.25
"""Part of the designs that are spread over the whole space; the others follow specs."""
_BATCH = 60
_PARENTS = 8
_MUTATED = 0.35
_STEPS = np.array([0.03, 0.08, 0.2])
_FEW = 32


@dataclass(frozen=True)
class Harvest:
    """Designs of one circuit with what was measured in its nominal corner.

    Attributes:
        circuit: whose designs.
        X: `n x d` points of the circuit's unit cube.
        metrics: `n x k` values in the metrics' units, in the circuit's order; NaN where one could
            not be measured.
        devices: paths of the MOS devices.
        regions: `n x len(devices)` operating regions, places in `REGIONS`; -1 where there was no
            operating point.
    """

    circuit: Circuit
    X: Array
    metrics: Array
    devices: tuple[str, ...]
    regions: NDArray[np.int8]

    @cached_property
    def values(self) -> Array:
        """`n x d` sizes (SI units), in the order of the circuit's variables."""
        names = self.circuit.variable_names
        designs = [self.circuit.from_unit([float(part) for part in point]) for point in self.X]
        return np.array([[one[name] for name in names] for one in designs]).reshape(self.X.shape)

    def design(self, row: int) -> dict[str, float]:
        """The values of a design (SI units)."""
        return dict(zip(self.circuit.variable_names, self.values[row].tolist(), strict=True))

    def region_names(self, row: int) -> dict[str, str]:
        """The operating region of each device of a design, where it is known."""
        codes = zip(self.devices, self.regions[row].tolist(), strict=True)
        return {device: REGIONS[code] for device, code in codes if code >= 0}


def harvest(circuit: Circuit, simulator: Simulator, count: int, seed: int) -> Harvest:
    """`count` simulated designs; the same ones for the same seed.

    A quarter is spread over the space. The others come from an evolutionary search under specs
    that are drawn anew for each batch: random weights, and targets between what is common and
    what is rare so far. So they lie where jobs with all kinds of specs look, and their metrics
    cover the trade-offs.
    """
    rng = np.random.default_rng(seed)
    spread = max(_FEW, int(count * _SPREAD_SHARE))
    engine = qmc.Sobol(len(circuit.variables), rng=np.random.default_rng(seed))
    found = _simulated(circuit, simulator, engine.random_base2((spread - 1).bit_length())[:spread])
    while len(found.X) < count:
        more = _offspring(found, min(_BATCH, count - len(found.X)), rng)
        found = _joined(found, _simulated(circuit, simulator, more))
    return found


def _simulated(circuit: Circuit, simulator: Simulator, points: Array) -> Harvest:
    designs = [circuit.from_unit([float(part) for part in point]) for point in points]
    corners = [next(iter(one.corners.values()), CornerResult()) for one in simulator.run(designs)]
    names = [metric.name for metric in circuit.metrics]
    metrics = [[one.metrics.get(name) for name in names] for one in corners]
    devices = tuple(sorted({path for one in corners for path in one.devices}))
    regions = [[_code(one, path) for path in devices] for one in corners]
    return Harvest(
        circuit,
        np.array([circuit.to_unit(design) for design in designs]),
        np.array(metrics, dtype=float).reshape(len(designs), len(names)),
        devices,
        np.array(regions, dtype=np.int8).reshape(len(designs), len(devices)),
    )


def _code(corner: CornerResult, path: str) -> int:
    point = corner.devices.get(path)
    return -1 if point is None else REGIONS.index(point.region.value)


def _joined(one: Harvest, other: Harvest) -> Harvest:
    """Both; a part in which a device was never seen knows nothing of it."""
    devices = tuple(sorted({*one.devices, *other.devices}))
    regions = []
    for part in (one, other):
        codes = np.full((len(part.X), len(devices)), -1, dtype=np.int8)
        codes[:, [devices.index(path) for path in part.devices]] = part.regions
        regions.append(codes)
    X, metrics = np.vstack([one.X, other.X]), np.vstack([one.metrics, other.metrics])
    return Harvest(one.circuit, X, metrics, devices, np.vstack(regions))


def _offspring(found: Harvest, count: int, rng: np.random.Generator) -> Array:
    """`count x d` children of what is best under specs drawn just now."""
    X = found.X
    parents = np.argsort(-_scores(found, rng), kind="stable")[:_PARENTS]
    one, other = (X[rng.choice(parents, count)] for _ in range(2))
    children = np.where(rng.random(one.shape) < 0.5, one, other)
    moves = rng.random(children.shape) < _MUTATED
    steps = rng.choice(_STEPS, (count, 1)) * rng.standard_normal(children.shape)
    return np.asarray(np.clip(children + moves * steps, 0.0, 1.0))


def _scores(found: Harvest, rng: np.random.Generator) -> Array:
    """How near each design comes to random targets; metrics by rank, so that units are even."""
    count = len(found.X)
    total = np.zeros(count)
    wanted = {spec.metric: spec.direction for spec in found.circuit.specs()}
    for column, metric in enumerate(found.circuit.metrics):
        direction = wanted.get(metric.name)
        if direction is None:
            continue
        values = found.metrics[:, column] * direction.sign
        known = np.isfinite(values)
        ranks = np.where(known, values, -np.inf).argsort(kind="stable").argsort(kind="stable")
        places = np.where(known, ranks / max(count - 1, 1), -0.5)
        total += rng.exponential() * np.minimum(places, rng.uniform(0.4, 1.0))
    return total
