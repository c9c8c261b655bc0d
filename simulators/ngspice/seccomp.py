"""Seccomp: leaves this process the system calls that a calculation needs; the rest fail."""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from dataclasses import dataclass

from simulators.ngspice.kernel import syscall

_SET_MODE_FILTER = ctypes.c_uint(1)
_SPEC_ALLOW = 1 << 2
"""Keep speculation: kernels before 5.16 make a filtered process much slower without."""
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_REFUSE = 0x00050000 | errno.EPERM
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER, _MACHINE = 0, 4
_ARGUMENTS = 16
"""Byte offsets in `struct seccomp_data`; an argument has 8 bytes, its low half first."""
_PROT_EXEC, _EMPTY_PATH = 4, 0x1000


@dataclass(frozen=True, slots=True)
class Machine:
    """A processor family.

    Attributes:
        audit: AUDIT_ARCH_*, its name in the kernel's audit.
        seccomp: number of the call that installs a filter.
        free: calls that may be made with any arguments, the frequent ones first.
        no_code: `mmap` and `mprotect`, allowed for memory that is not executed.
        own: `prlimit64`, allowed for oneself.
        opened: `newfstatat`, allowed with AT_EMPTY_PATH, as `fstat` is made of it.
    """

    audit: int
    seccomp: int
    free: tuple[int, ...]
    no_code: tuple[int, ...]
    own: int
    opened: int


_CALLS = """
    clock_gettime 228 113, clock_getres 229 114, gettimeofday 96 169, time 201 -, times 100 153,
    getrusage 98 165, read 0 63, readv 19 65, write 1 64, writev 20 66, lseek 8 62, close 3 57,
    fstat 5 80, fcntl 72 25, ioctl 16 29, futex 202 98, brk 12 214, munmap 11 215,
    mremap 25 216, madvise 28 233, membarrier 324 283, rt_sigaction 13 134,
    rt_sigprocmask 14 135, rt_sigreturn 15 139, sigaltstack 131 132, restart_syscall 219 128,
    nanosleep 35 101, clock_nanosleep 230 115, sched_yield 24 124, sched_getaffinity 204 123,
    getcpu 309 168, poll 7 -, ppoll 271 73, select 23 -, pselect6 270 72, sysinfo 99 179,
    uname 63 160, getpid 39 172, getppid 110 173, gettid 186 178, getuid 102 174,
    geteuid 107 175, getgid 104 176, getegid 108 177, getrandom 318 278, set_robust_list 273 99,
    get_robust_list 274 100, rseq 334 293, getrlimit 97 163, exit 60 93, exit_group 231 94
"""
"""Name, number on x86_64, number on aarch64 of calls that may be made; frequent ones first."""


def _numbers(column: int) -> tuple[int, ...]:
    rows = [row.split() for row in _CALLS.split(",")]
    return tuple(int(row[column]) for row in rows if row[column] != "-")


MACHINES = {
    "x86_64": Machine(0xC000003E, 317, _numbers(1), (9, 10), 302, 262),
    "aarch64": Machine(0xC00000B7, 277, _numbers(2), (222, 226), 261, 79),
}
"""By what `platform.machine()` says."""


def renounce_calls() -> None:
    """Leave this thread the system calls of a calculation; needs no_new_privs.

    What is not allowed fails with EPERM: starting programs, processes and threads, opening files,
    sockets, signals, tracing, executable memory and all else.

    Raises:
        OSError: the kernel has no seccomp, or this processor is not in `MACHINES`.
    """
    machine = MACHINES.get(platform.machine())
    if machine is None:
        raise OSError(errno.ENOSYS, f"no list of system calls for {platform.machine()}")
    program = _program(machine)
    code = b"".join(struct.pack("=HBBI", *step) for step in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("@HP", len(program), ctypes.addressof(buffer))
    for flags in (_SPEC_ALLOW, 0):  # the former since Linux 4.17
        try:
            syscall(
                machine.seccomp,
                _SET_MODE_FILTER,
                ctypes.c_uint(flags),
                ctypes.create_string_buffer(header, len(header)),
            )
        except OSError as error:
            if error.errno != errno.EINVAL or not flags:
                raise
        else:
            return


def _program(machine: Machine) -> list[tuple[int, int, int, int]]:
    """The filter in BPF: (code, steps to skip if true, if false, value) each."""
    program = [
        (_LOAD, 0, 0, _MACHINE),
        (_EQUAL, 1, 0, machine.audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    for number in machine.free:
        program += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    for number in machine.no_code:
        program += _with_argument(number, 2, (_ANY_BIT, 1, 0, _PROT_EXEC))
    program += _with_argument(machine.own, 0, (_EQUAL, 0, 1, 0))
    program += _with_argument(machine.opened, 3, (_ANY_BIT, 0, 1, _EMPTY_PATH))
    return [*program, (_RETURN, 0, 0, _REFUSE)]


def _with_argument(
    number: int, place: int, test: tuple[int, int, int, int]
) -> list[tuple[int, int, int, int]]:
    """Allow call `number` when its argument `place` passes `test`."""
    return [
        (_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, _ARGUMENTS + 8 * place),
        test,
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
