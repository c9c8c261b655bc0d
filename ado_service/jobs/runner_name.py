"""How runners are told apart."""

from __future__ import annotations

import os
import secrets
import socket


def runner_name() -> str:
    """A name that no other runner has: host, process and a random part."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
