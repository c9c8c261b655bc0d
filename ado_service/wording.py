"""Words that depend on a number."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str = "") -> str:
    """Such as `1 design` or `2 designs`; `plural` where it takes more than an s."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"
