"""What the embedded model learns from: harvests of the library's circuits and their variations.

They are kept as files, one a variation, so that an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ado_service.local_llm.pretrain.harvest import Harvest, harvest
from ado_service.local_llm.pretrain.variation import varied
from circuits.definition import Circuit
from circuits.loader import load_circuit
from circuits.spec import Spec
from simulators.ngspice.simulator import NgspiceSimulator

HELD_OUT = "folded_cascode_ota"
"""The library circuit whose family no training sees."""


@dataclass(frozen=True, slots=True)
class Source:
    """How much of a circuit is simulated and seen.

    Attributes:
        circuit: name in the library.
        variations: how many are simulated; number 0 is the circuit itself.
        designs: simulated of each.
        weight: how often the circuit itself is seen for each time that a variation is.
    """

    circuit: str
    variations: int
    designs: int
    weight: int = 2


SOURCES = (
    Source("two_stage_amplifier", 6, 6000, 12),
    Source("five_transistor_ota", 4, 2500, 5),
    Source("hysteresis_comparator", 3, 1200, 5),
    Source("low_dropout_regulator", 2, 700),
    Source("bandgap_reference", 2, 700),
    Source("strongarm_comparator", 2, 700),
    Source("three_stage_amplifier", 2, 700),
)
"""Simulations are spent where they are cheap: a transient costs ten times an AC sweep.

Weights follow what is asked for most: first jobs are about the amplifier.
"""


def corpus(
    folder: Path,
    seed: int,
    *,
    processes: int,
    sources: Sequence[Source] = SOURCES,
    told: Callable[[str], None] = lambda _: None,
) -> list[Harvest]:
    """Harvests of every variation of every source; what `folder` has is not simulated again."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for name, variation, designs in _wanted(sources):
        circuit = varied(load_circuit(name), variation)
        # By content: a circuit of another range or netlist has other designs.
        path = folder / f"{name}-{variation}-{designs}-{seed}-{circuit.content_hash[:12]}.npz"
        if not path.is_file():
            one = _reaped(circuit, designs, [seed, variation], processes)
            _write(one, path)
            told(f"{path.stem}: {_complete(one)} of {len(one.X)} designs measured completely")
        found.append(_read(circuit, path))
    return found


def without(found: Harvest, specs: Sequence[Spec]) -> Harvest:
    """The designs that miss at least one of `specs`: whoever learns from them never saw an answer.

    The specs' thresholds are held against the metrics as they are, whatever the variation.
    """
    columns = {metric.name: place for place, metric in enumerate(found.circuit.metrics)}
    met = np.ones(len(found.X), dtype=bool)
    for spec in specs:
        values = found.metrics[:, columns[spec.metric]]
        sign = spec.direction.sign
        met &= sign * values > sign * spec.threshold
    kept = ~met
    return Harvest(
        found.circuit, found.X[kept], found.metrics[kept], found.devices, found.regions[kept]
    )


def weighed(found: Sequence[Harvest], sources: Sequence[Source] = SOURCES) -> list[Harvest]:
    """The harvests, each as often as it is to be seen."""
    weights = {source.circuit: source.weight for source in sources}
    seen: list[Harvest] = []
    for one in found:
        seen += [one] * (weights[one.circuit.name] if _is_itself(one.circuit) else 1)
    return seen


def _is_itself(circuit: Circuit) -> bool:
    return circuit == load_circuit(circuit.name)


def _wanted(sources: Sequence[Source]) -> Iterator[tuple[str, int, int]]:
    for source in sources:
        for variation in range(source.variations):
            yield source.circuit, variation, source.designs


def _reaped(circuit: Circuit, designs: int, seeds: Sequence[int], processes: int) -> Harvest:
    mixed = np.random.SeedSequence([*seeds, zlib.crc32(circuit.name.encode())])
    with NgspiceSimulator(circuit, processes=processes) as simulator:
        return harvest(circuit, simulator, designs, int(mixed.generate_state(1)[0]))


def _complete(found: Harvest) -> int:
    return int(np.isfinite(found.metrics).all(axis=1).sum())


def _write(found: Harvest, path: Path) -> None:
    """Whole or not at all: a file that is half written would pass for a harvest."""
    whole = path.with_suffix(".part")
    with whole.open("wb") as file:
        np.savez_compressed(
            file,
            X=found.X,
            metrics=found.metrics,
            devices=np.array(found.devices, dtype=np.str_),
            regions=found.regions,
        )
    whole.replace(path)


def _read(circuit: Circuit, path: Path) -> Harvest:
    with np.load(path, allow_pickle=False) as file:
        devices: NDArray[np.str_] = file["devices"]
        return Harvest(
            circuit, file["X"], file["metrics"], tuple(map(str, devices)), file["regions"]
        )
