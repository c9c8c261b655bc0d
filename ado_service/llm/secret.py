"""Keeping a key out of what is stored and shown."""

from __future__ import annotations

_SHORTEST = 8
_HIDDEN = "***"


def hide(text: str, key: str | None) -> str:
    """The text without the key, which some endpoints repeat in their errors.

    A key of a few letters is a placeholder: hiding it would only garble the text.
    """
    if key is None or len(key) < _SHORTEST:
        return text
    return text.replace(key, _HIDDEN)


def hide_in_bytes(body: bytes, key: str | None) -> bytes:
    """The same for a body, before it is decoded or cut: half a key is a secret too."""
    return hide(body.decode("latin-1"), key).encode("latin-1")
