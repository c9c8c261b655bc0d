"""Landlock: takes from this process every right to files, TCP ports and other processes."""

from __future__ import annotations

import ctypes
import os
import struct

from simulators.ngspice.kernel import syscall

_CREATE_RULESET, _RESTRICT_SELF = 444, 446  # the same on all machines
_VERSION_FLAG = ctypes.c_uint(1)
_NO_FLAGS = ctypes.c_uint(0)
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""How many rights to files are known from an ABI version on: the rights are bits from 0 up."""
_TCP_SINCE, _SCOPES_SINCE = 4, 6
_BOTH = 3  # binding and connecting; abstract sockets and signals


def renounce_files() -> int:
    """Give up every right that this kernel's landlock can take; needs no_new_privs.

    No rule is added: a host that was forked from a warm nursery opens no file any more. What is
    open stays open.

    Returns:
        The ABI version of the kernel's landlock.

    Raises:
        OSError: the kernel has none, or it is switched off.
    """
    version = syscall(_CREATE_RULESET, ctypes.c_void_p(None), ctypes.c_size_t(0), _VERSION_FLAG)
    rights = _rights(version)
    buffer = ctypes.create_string_buffer(rights, len(rights))
    ruleset = syscall(_CREATE_RULESET, buffer, ctypes.c_size_t(len(rights)), _NO_FLAGS)
    try:
        syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), _NO_FLAGS)
    finally:
        os.close(ruleset)
    return version


def _rights(version: int) -> bytes:
    """`struct landlock_ruleset_attr`, as long as this version knows it."""
    files = max(bits for since, bits in _FILE_RIGHTS.items() if version >= since)
    fields = [(1 << files) - 1]
    if version >= _TCP_SINCE:
        fields.append(_BOTH)
    if version >= _SCOPES_SINCE:
        fields.append(_BOTH)
    return struct.pack(f"={len(fields)}Q", *fields)
