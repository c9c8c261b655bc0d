"""Calls to the Linux kernel that Python has no function for."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any


def syscall(number: int, *arguments: ctypes._SimpleCData[Any] | ctypes.Array[Any]) -> int:
    """The result of the system call of this number.

    Raises:
        OSError: the kernel refuses it or has no such call, or this is no Linux.
    """
    return _checked(_libc().syscall(ctypes.c_long(number), *arguments))


def prctl(option: int, value: int) -> None:
    """`prctl(option, value)`.

    Raises:
        OSError: the kernel refuses it, or this is no Linux.
    """
    nothing = ctypes.c_ulong(0)
    _checked(_libc().prctl(option, ctypes.c_ulong(value), nothing, nothing, nothing))


def _libc() -> ctypes.CDLL:
    if sys.platform != "linux":
        raise OSError("only Linux has it")
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
