"""One message of a conversation."""

from __future__ import annotations

from typing import NamedTuple


class ChatMessage(NamedTuple):
    """Who speaks (`system`, `user`, `assistant`), and what."""

    role: str
    content: str
