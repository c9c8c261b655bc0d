"""A thin cffi binding of libngspice (ABI mode). One circuit at a time, one instance a process."""

from __future__ import annotations

import array
import os
from collections.abc import Sequence
from typing import Any

from cffi import FFI

from simulators.ngspice.errors import LibraryExitError, LibraryMissingError

_FFI = FFI()
_FFI.cdef("""
typedef struct { double re, im; } ngcomplex_t;
typedef struct vector_info {
    char *v_name; int v_type; short v_flags;
    double *v_realdata; ngcomplex_t *v_compdata; int v_length;
} vector_info;
typedef int SendChar(char*, int, void*);
typedef int ControlledExit(int, _Bool, _Bool, int, void*);
int ngSpice_Init(SendChar*, void*, ControlledExit*, void*, void*, void*, void*);
int ngSpice_Command(char*);
int ngSpice_Circ(char**);
vector_info* ngGet_Vec_Info(char*);
char** ngSpice_AllPlots(void);
char** ngSpice_AllVecs(char*);
""")

_LOG_LINES = 2_000
"""Lines kept of what ngspice prints, the latest ones."""


class NgspiceLibrary:
    """libngspice, loaded once in this process.

    Return codes of libngspice say nothing (they are 0 on failure too): callers look at `plots`,
    at vectors and at the `log`. Everything it prints goes to `log`, which the caller empties.

    Raises:
        LibraryMissingError: the shared library is not there, or no libngspice.
    """

    def __init__(self) -> None:
        # ngspice reads start-up files and takes two OpenMP threads unless told otherwise.
        os.environ["OMP_NUM_THREADS"] = os.environ["OMP_THREAD_LIMIT"] = "1"
        self.log: list[str] = []
        self._gone = False
        self._lib = self._start()
        for command in (
            "unset osdi_enabled",
            "set num_threads=1",
            "set ngbehavior=",
            "set nomoremode",
        ):
            self.command(command)

    def _start(self) -> Any:
        """The library, loaded and initialised; another binding does it its own way."""
        lib: Any = _FFI.dlopen(library_name())
        self._callbacks = (
            _FFI.callback("SendChar", self._on_text),
            _FFI.callback("ControlledExit", self._on_exit),
        )
        null = _FFI.NULL
        lib.ngSpice_Init(self._callbacks[0], null, self._callbacks[1], null, null, null, null)
        return lib

    def command(self, text: str) -> None:
        """Run an ngspice command. Never give it text that a user wrote.

        Raises:
            LibraryExitError: ngspice ended itself.
        """
        self._lib.ngSpice_Command(text.encode())
        self._check()

    def forget_history(self) -> None:
        """Free the command history, which grows with each command."""
        self._lib.ngSpice_Command(_FFI.NULL)

    def circuit(self, lines: Sequence[bytes]) -> None:
        """Load a netlist; ngspice copies the lines.

        Raises:
            LibraryExitError: ngspice ended itself over a parse error.
        """
        buffers = [_FFI.new("char[]", line) for line in lines]
        self._lib.ngSpice_Circ(_FFI.new("char*[]", [*buffers, _FFI.NULL]))
        self._check()

    def vector(self, name: str) -> list[float] | None:
        """A vector of the current plot (re, im interleaved if complex); None if absent."""
        info = self._lib.ngGet_Vec_Info(name.encode())
        if info == _FFI.NULL or info.v_length <= 0:
            return None
        if info.v_compdata != _FFI.NULL:
            data, size = info.v_compdata, 16 * info.v_length
        else:
            data, size = info.v_realdata, 8 * info.v_length
        values: list[float] = array.array("d", bytes(_FFI.buffer(data, size))).tolist()
        return values

    def number(self, name: str) -> float | None:
        """First value of a vector; None when the vector is not there."""
        info = self._lib.ngGet_Vec_Info(name.encode())
        if info == _FFI.NULL or info.v_length <= 0:
            return None
        complex_ = info.v_compdata
        return float(info.v_realdata[0] if complex_ == _FFI.NULL else complex_[0].re)

    def plots(self) -> list[str]:
        """Names of the plots, newest first."""
        return _names(self._lib.ngSpice_AllPlots())

    def vectors(self, plot: str) -> list[str]:
        """Names of the vectors of a plot."""
        return _names(self._lib.ngSpice_AllVecs(plot.encode()))

    def version(self) -> str:
        """Such as `ngspice-39`."""
        self.log.clear()
        self.command("version -s")
        words = [word for line in self.log for word in line.split() if word.startswith("ngspice-")]
        return words[0] if words else "ngspice"

    def _keep(self, line: str) -> None:
        if len(self.log) >= _LOG_LINES:  # one warning a time step would fill the memory
            del self.log[: _LOG_LINES // 2]
        self.log.append(line)

    def _on_text(self, text: Any, _ident: int, _user: Any) -> int:
        self._keep(_text(text))
        return 0

    def _on_exit(self, *_args: Any) -> int:
        self._gone = True
        return 0

    def _check(self) -> None:
        if self._gone:
            said = [line.removeprefix("stderr ").removeprefix("stdout ") for line in self.log]
            raise LibraryExitError("; ".join(said[-8:]))


def _names(found: Any) -> list[str]:
    """The strings of a list that ends with a null pointer."""
    names: list[str] = []
    while found != _FFI.NULL and found[len(names)] != _FFI.NULL:
        names.append(_text(found[len(names)]))
    return names


def _text(pointer: Any) -> str:
    raw = _FFI.string(pointer)
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)


def library_name() -> str:
    """The shared library: the one that ADO_LIBNGSPICE names and no other, else the system's.

    Raises:
        LibraryMissingError: it is not there, or is no libngspice.
    """
    named = os.environ.get("ADO_LIBNGSPICE")
    names = [named] if named else ["libngspice.so.0", "libngspice.so", "libngspice.dylib"]
    reasons = []
    for name in names:
        try:
            lib: Any = _FFI.dlopen(name)
            lib.ngSpice_Init  # noqa: B018 - another library has no such function
        except (OSError, AttributeError) as error:
            reasons.append(str(error))
            continue
        return name
    asked = "ADO_LIBNGSPICE names no libngspice" if named else "libngspice is not installed"
    raise LibraryMissingError(
        f"{asked} ({reasons[0]}): apt-get install libngspice0, "
        + ("and unset ADO_LIBNGSPICE or mend it" if named else "or set ADO_LIBNGSPICE to its path")
    )
