"""Why a tuning ends before its time.

TuningFailed    the model and the designs do not do: it would fail again
MemoryShort     memory ran out: it may do another time, or with less
TuningStopped   the user cancels it, or the runner ends: it is handed back

An OSError is this machine's fault: the tuning is handed back, and goes on when there is room again.
"""
# ruff: noqa: N818 - they are named for what happened, as a caller reads them

from __future__ import annotations


class TuningFailed(Exception):
    """It cannot come to an end; the message says why and what to do."""


class MemoryShort(Exception):
    """There was no memory for it, on the GPU or beside it."""


class TuningStopped(Exception):
    """It is to stop now, and its checkpoints stay."""
