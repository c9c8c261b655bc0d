"""The design database as the simulators' cache of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from ado_service.store.errors import StoreError
from ado_service.store.results import SimulationResults
from simulators.result import SimulationResult

_log = structlog.get_logger(__name__)
_CURE = "the designs are simulated; see that the design database answers and its disk has room"


class StoreResultCache:
    """Results in the design database (see `ResultCache`): its trouble is logged, never raised.

    Args:
        results: of the database.
        limit: bytes that they may take.
    """

    def __init__(self, results: SimulationResults, limit: int) -> None:
        self._results = results
        self._limit = limit

    def get_many(self, keys: Sequence[str]) -> dict[str, SimulationResult]:
        """See `ResultCache`."""
        try:
            return self._results.get_many(keys)
        except StoreError as error:
            _log.warning("cache_not_read", detail=str(error), cure=_CURE)
            return {}

    def put_many(self, results: Mapping[str, SimulationResult]) -> None:
        """See `ResultCache`."""
        try:
            self._results.put_many(results, self._limit)
        except StoreError as error:
            _log.warning("cache_not_written", detail=str(error), cure=_CURE)
