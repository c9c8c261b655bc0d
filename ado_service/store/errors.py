"""What can go wrong with the design database, each as something a caller can act on.

StoreError
├── NotFound              no circuit, job, design, transcript or model of that name
├── AlreadyExists         a design index, transcript turn or model is on record already
├── LeaseLost             another runner owns the job now: stop, write nothing
├── JobEnded              the job is finished, failed or cancelled: start a new one
├── CircuitInUse          jobs on record sized the circuit: it stays
├── ModelInUse            tunings rest on the model: it stays
├── IdempotencyConflict   the key was used before with another request
├── BadCursor             the cursor is no cursor, or is of another query
├── BadDatabaseUrl        the address names no database that can be used
├── SchemaTooNew          the database was written by a later version
└── DatabaseUnavailable   the database does not answer; the same call may work later
"""
# ruff: noqa: N818 - they are named for what happened, as a caller reads them

from __future__ import annotations


class StoreError(Exception):
    """Any failure of the design database; the message says what happened and what to do."""


class NotFound(StoreError):
    """Nothing is on record under that name."""


class AlreadyExists(StoreError):
    """It is on record already, and a record of what happened is never overwritten."""


class LeaseLost(StoreError):
    """The lease is no longer held; nothing of the refused write was kept."""


class JobEnded(StoreError):
    """The job has ended, and an ended job never changes."""


class CircuitInUse(StoreError):
    """Jobs on record belong to this version of the circuit."""


class ModelInUse(StoreError):
    """Tunings on record need this model to be loaded."""


class IdempotencyConflict(StoreError):
    """The idempotency key was used before with another request."""


class BadCursor(StoreError):
    """The cursor cannot be read, or belongs to another query."""


class BadDatabaseUrl(StoreError):
    """The address of the database cannot be used as it stands."""


class SchemaTooNew(StoreError):
    """The database has tables that this version does not know."""


class DatabaseUnavailable(StoreError):
    """The database did not answer in time; the call left nothing behind and may be repeated."""
