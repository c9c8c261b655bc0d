"""Results that are kept: an identical design is never simulated twice, across jobs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Protocol

from simulators.closing import Closing
from simulators.design_key import DesignKeys
from simulators.protocol import Simulator, Values
from simulators.result import FailureKind, SimulationResult

KEPT_FAILURES = frozenset(
    {FailureKind.BAD_NETLIST, FailureKind.NO_CONVERGENCE, FailureKind.MEASURE_FAILED}
)
"""Those that come out again. A time-out, a crash or a lost worker may be the machine's fault."""

_KEEP_SECONDS = 1.0
_KEEP_RESULTS = 64


class ResultCache(Protocol):
    """Results by key (see `DesignKeys`), shared by all who simulate.

    Contract: a cache is never in the way. What cannot be read counts as absent and what cannot be
    written is dropped, both with a warning in the log. Any thread may call at any time; a key that
    is put twice keeps the first result, and the second is equal anyway.
    """

    def get_many(self, keys: Sequence[str]) -> dict[str, SimulationResult]:
        """The results that are known, by key."""
        ...

    def put_many(self, results: Mapping[str, SimulationResult]) -> None:
        """Keep results by key."""
        ...


class CachedSimulator(Closing):
    """A simulator that asks a cache first (see `Simulator`).

    Results and deterministic failures are kept; a time-out, a crash and a lost worker are not.
    Designs that are there twice in one batch are simulated once. Threads or jobs that ask for the
    same design at the same moment may both simulate it.

    Args:
        inner: simulates what is not known; closed with this one.
        cache: what is known.
        keys: of the circuit that `inner` measures.
    """

    def __init__(self, inner: Simulator, cache: ResultCache, keys: DesignKeys) -> None:
        self._inner = inner
        self._cache = cache
        self._keys = keys

    @property
    def version(self) -> str:
        """Name and version of the simulator behind the cache."""
        return self._inner.version

    def run(self, designs: Sequence[Values]) -> list[SimulationResult]:
        """Results of `designs`, in their order; raises as the simulator does."""
        found = dict(self.stream(designs))
        return [found[index] for index in range(len(designs))]

    def stream(self, designs: Sequence[Values]) -> Iterator[tuple[int, SimulationResult]]:
        """(index, result): those that are known first, the others as they finish.

        A result from the cache says `cached`; its `seconds` are what it took to find, and
        `saved_seconds` what it once took to simulate.
        """
        if not designs:
            return
        version = self._inner.version  # it may have to start a host
        started = time.monotonic()
        keys = [self._keys.of(values, version) for values in designs]
        known = self._cache.get_many(list(dict.fromkeys(keys)))
        seconds = (time.monotonic() - started) / len(keys)
        unknown: dict[str, list[int]] = {}
        for index, key in enumerate(keys):
            if key in known:
                yield index, _recalled(known[key], seconds)
            else:
                unknown.setdefault(key, []).append(index)
        if unknown:
            yield from self._simulated(designs, unknown, version)

    def close(self) -> None:
        """Close the simulator behind the cache; what is kept stays."""
        self._inner.close()

    def _simulated(
        self, designs: Sequence[Values], places: Mapping[str, list[int]], version: str
    ) -> Iterator[tuple[int, SimulationResult]]:
        """Simulate one design a key (`places`: its indexes in `designs`), and keep what comes."""
        keys = list(places)
        results = self._inner.stream([designs[places[key][0]] for key in keys])
        with closing(_Keeper(self._cache, version)) as keeper:
            for place, result in results:
                keeper.add(keys[place], result)
                first, *doubles = places[keys[place]]
                yield first, result
                for double in doubles:
                    yield double, _recalled(result, 0.0)


class _Keeper:
    """Puts results into the cache, a few at a time: a write may cost as much as a simulation."""

    def __init__(self, cache: ResultCache, version: str) -> None:
        self._cache = cache
        self._version = version
        self._waiting: dict[str, SimulationResult] = {}
        self._written = time.monotonic()

    def add(self, key: str, result: SimulationResult) -> None:
        """Keep a result, if it is one that would come out again."""
        sound = result.failure is None or result.failure in KEPT_FAILURES
        # A worker elsewhere may have another simulator than the one that the key names.
        if sound and result.simulator == self._version:
            self._waiting[key] = result
        late = time.monotonic() - self._written > _KEEP_SECONDS
        if late or len(self._waiting) >= _KEEP_RESULTS:
            self.close()

    def close(self) -> None:
        """Write what waits."""
        if self._waiting:
            self._cache.put_many(self._waiting)
            self._waiting = {}
        self._written = time.monotonic()


def _recalled(result: SimulationResult, seconds: float) -> SimulationResult:
    """`result` as it is handed out without a simulation."""
    changes = {"cached": True, "seconds": seconds, "saved_seconds": result.seconds}
    return result.model_copy(update=changes)
