"""Keeps the lease of a running job alive."""

from __future__ import annotations

import threading
import time
from typing import Protocol

import structlog

from ado_service.jobs.companion import Companion
from ado_service.store.errors import LeaseLost, StoreError
from ado_service.store.lease_record import Lease

_log = structlog.get_logger(__name__)


class Renewer(Protocol):
    """Where leases are renewed; `Leases` of the store is one."""

    def renew(self, lease: Lease, lease_seconds: float) -> None:
        """Let the lease hold for `lease_seconds` from now; LeaseLost when it no longer holds."""
        ...


class LeaseKeeper(Companion):
    """Renews a lease from a thread of its own for as long as the `with` block lasts.

    It renews at a third of the lease time. A database that does not answer is asked again until
    the lease would have run out. The keeper does not give the job back: that is its runner's.

    Attributes:
        lost: set once the lease is lost, or can no longer be known to hold. The runner should
            stop then; a write that it tries all the same is refused by the store.

    Args:
        leases: where the lease is renewed.
        lease: of the job.
        lease_seconds: how long it holds without being renewed.

    Example:
        >>> with LeaseKeeper(store.leases, lease, 30.0) as keeper:  # doctest: +SKIP
        ...     while not keeper.lost.is_set():
        ...         run_a_batch()
    """

    def __init__(self, leases: Renewer, lease: Lease, lease_seconds: float) -> None:
        super().__init__(f"lease-{lease.job_id}")
        self.lost = threading.Event()
        self._leases = leases
        self._lease = lease
        self._seconds = lease_seconds

    def _go_along(self) -> None:
        try:
            # Counted from before the request: the database's clock for the lease starts later.
            held_until = time.monotonic() + self._seconds
            wait = 0.0
            while not self._done.wait(wait):
                asked = time.monotonic()
                if self._renew():
                    held_until = asked + self._seconds
                    wait = self._seconds / 3
                elif time.monotonic() >= held_until:
                    _log.warning("lease_ran_out", job=self._lease.job_id)
                    break
                else:
                    wait = min(1.0, self._seconds / 30)
        except LeaseLost as error:
            _log.warning("lease_lost", job=self._lease.job_id, detail=str(error))
        finally:
            # Whatever ended the loop but the runner itself: nobody renews any more.
            if not self._done.is_set():
                self.lost.set()

    def _renew(self) -> bool:
        try:
            self._leases.renew(self._lease, self._seconds)
        except LeaseLost:
            raise
        except StoreError as error:
            _log.warning("lease_not_renewed", job=self._lease.job_id, detail=str(error))
            return False
        return True
