"""What can go wrong with a PDK."""

from __future__ import annotations


class PdkError(RuntimeError):
    """A PDK that is not there, not complete or not understood; the message has the cure."""
