"""PySpice's shared-library engine, cured of raising over good results. Needs PySpice (GPL-3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySpice.Spice.NgSpice.Shared import NgSpiceShared, ffi

_NOTES = (
    "note:", "warning:", "trying gmin", "supplies reduced to", "doing analysis",
    "reference value", "using ",
)  # fmt: skip
"""How lines on standard error begin that tell of no error, in lower case."""


class FilteredNgSpice(NgSpiceShared):  # type: ignore[misc]  # PySpice has no types
    """`NgSpiceShared` that takes a note for a note.

    PySpice 1.5 takes every line on standard error that does not begin with `Warning:` for an
    error and raises: a good result that took gmin stepping to find, of which ngspice notes
    `Note: Starting dynamic gmin stepping`, is lost.

    Args:
        said: gets each line that ngspice prints, as `stderr ...` or `stdout ...`.
        gone: called when ngspice ends itself; the process is to be replaced.
    """

    def __init__(
        self,
        said: Callable[[str], object] = lambda _line: None,
        gone: Callable[[], object] = lambda: None,
    ) -> None:
        self._said = said
        self._was_gone = gone
        super().__init__()

    @staticmethod
    def _send_char(message_c: Any, ngspice_id: int, user_data: Any) -> int:
        """What ngspice prints; called by libngspice."""
        shared: FilteredNgSpice = ffi.from_handle(user_data)
        message = ffi.string(message_c).decode("utf-8", "replace")
        shared._said(message)
        stream, _, content = message.partition(" ")
        if stream == "stderr":
            shared._stderr.append(content)
            if content.strip() and not content.lower().lstrip().startswith(_NOTES):
                shared._error_in_stderr = True
        else:
            shared._stdout.append(content)
            if "error" in content.lower():
                shared._error_in_stdout = True
        return int(shared.send_char(message, ngspice_id))

    @staticmethod
    def _exit(status: int, _now: bool, _quit: bool, _ident: int, user_data: Any) -> int:
        """The end of ngspice by its own hand; called by libngspice."""
        shared: FilteredNgSpice = ffi.from_handle(user_data)
        shared._was_gone()
        return status
