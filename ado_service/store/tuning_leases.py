"""Who runs a tuning: claimed, renewed, told about, given back."""

from __future__ import annotations

from sqlalchemy.engine import Connection, RowMapping

from ado_service.store.claims import claim_told, claimed, next_waiting, prolong
from ado_service.store.database import Database
from ado_service.store.event_record import EventKind
from ado_service.store.lease_record import Lease
from ado_service.store.model_record import ModelRecord
from ado_service.store.model_rows import found_or_inserted, hold_base, insert
from ado_service.store.tables import tunings
from ado_service.store.tuning_record import TuningMetrics, TuningState, WantedTuning
from ado_service.store.tuning_rows import change, hold, move, record, resting_state


class TuningLeases:
    """The leases on tunings: `Lease.job_id` is the tuning's id. Safe to use from any thread.

    As with jobs, a tuning has one holder at a time, a lease that ran out is taken over by the next
    claim, and every later write of the old holder raises LeaseLost.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, owner: str, lease_seconds: float, tuning_id: str | None = None) -> Lease | None:
        """Take the oldest tuning that waits for a runner or has lost its own.

        Args:
            owner: name of the runner.
            lease_seconds: how long the lease holds without being renewed.
            tuning_id: take this one and no other.

        Returns:
            The lease; None when no tuning waits.
        """
        with self._database.write() as connection:
            while (row := next_waiting(connection, tunings, tuning_id)) is not None:
                wanted = WantedTuning(row["wanted_state"])
                if wanted is WantedTuning.RUN:
                    return _take(connection, row, owner, lease_seconds)
                move(connection, row, resting_state(wanted))
        return None

    def renew(self, lease: Lease, lease_seconds: float) -> None:
        """Let the lease hold for `lease_seconds` from now.

        Raises:
            LeaseLost: the lease no longer holds.
        """
        with self._database.write() as connection:
            hold(connection, lease)
            prolong(connection, tunings, lease, lease_seconds)

    def note(self, lease: Lease, message: str) -> None:
        """Tell the user what the tuning does now.

        Raises:
            LeaseLost: the lease no longer holds; nothing was changed.
        """
        with self._database.write() as connection:
            change(connection, hold(connection, lease), message=message, detail="")
            record(connection, lease.job_id, EventKind.NOTE, {"message": message})

    def progress(self, lease: Lease, step: int, loss: float, seconds: float) -> None:
        """Say how far it is.

        Args:
            lease: of the tuning.
            step: steps that are done.
            loss: of the last ones, smoothed, nats a token.
            seconds: of training so far.

        Raises:
            LeaseLost: the lease no longer holds; nothing was changed.
        """
        with self._database.write() as connection:
            row = hold(connection, lease)
            change(connection, row, step=step, loss=loss)
            steps = row["config"]["steps"]
            data = {"step": step, "steps": steps, "loss": loss, "seconds": seconds}
            record(connection, lease.job_id, "progress", data)

    def release(
        self,
        lease: Lease,
        state: TuningState,
        message: str = "",
        detail: str = "",
    ) -> TuningState:
        """Give back a tuning that has not come to its end.

        What the user wanted in the meantime counts: one that is handed back as queued is cancelled
        where that is wanted now.

        Args:
            lease: of the tuning; it ends here.
            state: failed or cancelled; queued to go on later.
            message: why it failed or waits; names no file.
            detail: the same with files.

        Returns:
            Where it stands now.

        Raises:
            LeaseLost: the lease no longer holds; nothing was changed.
            ValueError: `state` is running or completed.
        """
        if state in {TuningState.RUNNING, TuningState.COMPLETED}:
            raise ValueError(
                f"a tuning cannot be released as {state.value}; use queued to hand it back, and "
                "`complete` for its end"
            )
        with self._database.write() as connection:
            row = hold(connection, lease)
            if not state.ended:
                state = resting_state(WantedTuning(row["wanted_state"]))
            move(connection, row, state, message, detail)
        return state

    def retry(self, lease: Lease, saved_step: int, message: str, cure: str) -> TuningState:
        """Give back a tuning that was ended from outside, or had too little memory.

        Once that may be bad luck, and it is queued. A second time without a checkpoint between is
        no luck: it has failed.

        Args:
            lease: of the tuning; it ends here.
            saved_step: of its last checkpoint; 0 without one.
            message: what happened; names no file.
            cure: what to do if it happens again.

        Returns:
            Where it stands now.

        Raises:
            LeaseLost: the lease no longer holds; nothing was changed.
        """
        with self._database.write() as connection:
            row = hold(connection, lease)
            state = resting_state(WantedTuning(row["wanted_state"]))
            said = f"{message}; it is tried again"
            if state is TuningState.QUEUED and row["fault_step"] == saved_step:
                state = TuningState.FAILED
                said = f"{message}, for the second time since step {saved_step}; {cure}"
            move(connection, row, state, said, fault_step=saved_step)
        return state

    def complete(
        self,
        lease: Lease,
        metrics: TuningMetrics,
        tuned: ModelRecord,
        backbone: ModelRecord | None = None,
    ) -> ModelRecord:
        """Put the tuned model on record and end the tuning, in one transaction.

        Args:
            lease: of the tuning; it ends here.
            metrics: what it came to.
            tuned: the model, under the name that the tuning reserved.
            backbone: the form in which its base must be held where that is not the one on record:
                it is put on record too, under its name or one like it, and is the base then.

        Returns:
            The tuned model as it is on record.

        Raises:
            LeaseLost: the lease no longer holds; nothing was changed.
            AlreadyExists: a model has the name all the same; nothing was changed.
            NotFound: the base is not on record; nothing was changed.
        """
        with self._database.write() as connection:
            row = hold(connection, lease)
            if backbone is not None:
                base = found_or_inserted(connection, backbone)
                tuned = tuned.model_copy(update={"base": base})
            if tuned.base is not None:
                hold_base(connection, tuned.base)
            insert(connection, tuned)
            found = metrics.model_dump(mode="json")
            move(connection, row, TuningState.COMPLETED, metrics=found)
        return tuned


def _take(connection: Connection, row: RowMapping, owner: str, lease_seconds: float) -> Lease:
    lease, columns = claimed(connection, row, owner, lease_seconds)
    change(connection, row, **columns)
    record(connection, row["id"], EventKind.STATE, claim_told(lease))
    return lease
