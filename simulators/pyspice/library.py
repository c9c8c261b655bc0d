"""PySpice's binding of libngspice where ours would be. Lives in the nursery and its hosts."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from typing import Any

from simulators.ngspice.errors import LibraryMissingError
from simulators.ngspice.library import NgspiceLibrary, library_name

EXTRA_MISSING = "PySpice is not installed: pip install 'ado-service[pyspice]' (it is GPL-3)"


class PySpiceLibrary(NgspiceLibrary):
    """libngspice, loaded and driven by PySpice's `NgSpiceShared`.

    Commands and circuits go through PySpice. It raises on what its callbacks take for an error;
    the engine judges by plots, vectors and the log, as it does with our own binding.

    Raises:
        LibraryMissingError: PySpice or libngspice is not there.
    """

    def _start(self) -> Any:
        try:
            from simulators.pyspice.shared import FilteredNgSpice
        except ImportError as error:
            raise LibraryMissingError(EXTRA_MISSING) from error
        logging.getLogger("PySpice").setLevel(logging.CRITICAL)  # the log has it all
        FilteredNgSpice.LIBRARY_PATH = library_name()
        self._shared = FilteredNgSpice(said=self._keep, gone=self._go)
        return self._shared._ngspice_shared

    def command(self, text: str) -> None:
        """Run an ngspice command. Never give it text that a user wrote.

        Raises:
            LibraryExitError: ngspice ended itself.
        """
        from PySpice.Spice.NgSpice.Shared import NgSpiceCommandError

        if len(text) > self._shared.MAX_COMMAND_LENGTH:
            self._keep(f"stderr PySpice takes no command this long, it failed: {text[:80]} ...")
            return
        with contextlib.suppress(NgSpiceCommandError):
            self._shared.exec_command(text)
        self._check()

    def forget_history(self) -> None:
        """PySpice does so by itself, every 10,000 commands."""

    def circuit(self, lines: Sequence[bytes]) -> None:
        """Load a netlist.

        Raises:
            LibraryExitError: ngspice ended itself over a parse error.
        """
        from PySpice.Spice.NgSpice.Shared import NgSpiceCircuitError

        with contextlib.suppress(NgSpiceCircuitError):
            self._shared.load_circuit("\n".join(line.decode() for line in lines))
        self._check()

    def _go(self) -> None:
        self._gone = True
