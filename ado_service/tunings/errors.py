"""Why a tuning ends before its time.

TuningFailed    the model, the designs or the memory do not do: the tuning is over
TuningStopped   the user cancels it, or the runner ends: it is handed back
"""
# ruff: noqa: N818 - they are named for what happened, as a caller reads them

from __future__ import annotations


class TuningFailed(Exception):
    """It cannot come to an end; the message says why and what to do."""


class TuningStopped(Exception):
    """It is to stop now, and its checkpoints stay."""
